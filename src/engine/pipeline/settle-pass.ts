import type { ConsistencyFinding } from '../../core/consistency.ts'
import type { Grade } from '../../core/grade.ts'
import { mebibyte } from '../../core/pipeline-spec.ts'
import type { InodeFacts, PackItem } from './pack-protocol.ts'

/** A stored file that changed while it was read. */
export interface SettleCandidate {
  item: PackItem
  finding: ConsistencyFinding
  grade: Grade | null
  contentBytes: number
  holeBytes: number
}

/** More than the granularity of file times: what was written last before the pass can then be told from what is written in it. */
const pauseMs = 20
const shareOfSource = 0.05
const leastBytes = 64 * mebibyte

/**
 * Packs what changed once more at the end of the run, when whoever wrote it may be done: smallest first, so that most files are made whole within a budget of 5 % of the
 * source (at least 64 MiB). Stock tar restores the later member of a path; it removes the earlier file first, so every hard link of it is written again too.
 * @returns those the budget did not reach
 */
export async function settle(
  candidates: readonly SettleCandidate[],
  context: {
    sourceBytes: number
    groupLinks: (groups: ReadonlySet<string>) => Promise<Map<string, PackItem[]>>
    /** `candidate` is null for a hard link that only follows its file */
    pack: (item: PackItem, candidate: SettleCandidate | null) => Promise<void>
    /** What is stored now of a file packed here; null when it was not stored again. Waits for it. */
    settled: (item: PackItem) => Promise<InodeFacts | null>
  },
): Promise<SettleCandidate[]> {
  if (candidates.length === 0) return []
  const budgetBytes = Math.max(context.sourceBytes * shareOfSource, leastBytes)
  const bySize = candidates.toSorted((a, b) => bytesOf(a) - bytesOf(b))
  let spentBytes = 0
  const chosen = bySize.filter((candidate) => (spentBytes += bytesOf(candidate)) <= budgetBytes)

  const groups = new Set(chosen.flatMap((candidate) => candidate.item.group ?? []))
  const links = groups.size === 0 ? new Map<string, PackItem[]>() : await context.groupLinks(groups)
  await new Promise((resolve) => setTimeout(resolve, pauseMs))
  for (const candidate of chosen) {
    const { item } = candidate
    await context.pack({ ...item, kind: 'file', sizeBytes: bytesOf(candidate), supersedes: true }, candidate)
    const followers = links.get(item.group ?? '')
    const inode = followers === undefined ? null : await context.settled(item)
    if (inode !== null) for (const link of followers!) await context.pack({ ...link, inode, supersedes: true }, null)
  }
  return bySize.slice(chosen.length)
}

/** As far as it is known: it may have grown out of its frame since it was listed, and is then read as the large file it has become. */
function bytesOf({ contentBytes, finding }: SettleCandidate): number {
  return Math.max(contentBytes, finding.sample.before?.size_bytes ?? 0, finding.sample.after?.size_bytes ?? 0)
}

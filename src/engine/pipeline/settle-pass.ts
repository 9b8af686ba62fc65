import type { ConsistencyFinding } from '../../core/consistency.ts'
import type { Grade } from '../../core/grade.ts'
import { mebibyte } from '../../core/pipeline-spec.ts'
import type { PackItem } from './pack-protocol.ts'

/** A stored file that changed while it was read. */
export interface SettleCandidate {
  item: PackItem
  finding: ConsistencyFinding
  grade: Grade | null
  contentBytes: number
}

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
  },
): Promise<SettleCandidate[]> {
  if (candidates.length === 0) return []
  const budgetBytes = Math.max(context.sourceBytes * shareOfSource, leastBytes)
  const bySize = candidates.toSorted((a, b) => a.contentBytes - b.contentBytes)
  let spentBytes = 0
  const chosen = bySize.filter((candidate) => (spentBytes += candidate.contentBytes) <= budgetBytes)

  const groups = new Set(chosen.flatMap((candidate) => candidate.item.group ?? []))
  const links = groups.size === 0 ? new Map<string, PackItem[]>() : await context.groupLinks(groups)
  for (const candidate of chosen) {
    await context.pack({ ...candidate.item, kind: 'file', sizeBytes: candidate.contentBytes, supersedes: true }, candidate)
    for (const link of links.get(candidate.item.group ?? '') ?? []) {
      await context.pack({ ...link, linkId: candidate.item.linkId!, supersedes: true }, null)
    }
  }
  return bySize.slice(chosen.length)
}

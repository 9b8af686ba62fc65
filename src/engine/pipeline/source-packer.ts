import { addFinding, type ConsistencyFinding, type ConsistencyReport, emptyConsistencyReport } from '../../core/consistency.ts'
import type { Entry } from '../../core/entry.ts'
import { BastionError } from '../../core/errors.ts'
import type { ErrorPolicy } from '../../core/filesystem-source.ts'
import { type Grade, worseGrade } from '../../core/grade.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import type { IndexWriter } from '../formats/entries-index-writer.ts'
import { closeEntryLine, type MemberPlace } from '../formats/entry-line.ts'
import type { SourceEntry, SourceItem } from '../sources/source.ts'
import { createHardLinkTable } from './hard-link-table.ts'
import type { MemberPacker, OnPacked } from './member-packer.ts'
import type { InodeFacts, PackedItem, PackItem } from './pack-protocol.ts'
import { isGone, readErrorOf } from './read-file.ts'
import { type SettleCandidate, settle } from './settle-pass.ts'

export interface Issue {
  path: string
  code: string
  message: string
}

export interface SourceTotals {
  files: number
  dirs: number
  links: number
  others: number
  /** read and stored */
  source_bytes: number
  /** of sparse files, beside `source_bytes` */
  hole_bytes: number
}

/** What the packing found out, growing while it goes on. */
export interface PackReport {
  readonly totals: SourceTotals
  readonly consistency: ConsistencyReport
  /** the worst of the entries stored */
  grade(): Grade
  readonly issues: { total: number; sample: Issue[] }
  /** lines that take the place of the first ones in the index */
  readonly replacements: Map<BytePath, string>
}

export interface SourcePacker extends Disposable {
  readonly report: PackReport
  /** A promise only when there is something to wait for. @throws issues when the policy is to stop at the first unreadable file */
  add(item: SourceItem): Promise<void> | undefined
  /** Packs the rest, then reads again what changed. */
  settle(): Promise<void>
}

const maxIssueSamples = 50
/** Files the settle pass may come back to; more than that changing at once are reported, not chased. */
const maxSettleCandidates = 100_000

/**
 * Decides what each entry of the source becomes (member, hard link, issue) and keeps the books: totals, consistency, grades, issues, index lines.
 * @param createMembers makes the packer below, given where its results go
 */
export function createSourcePacker(options: {
  createMembers: (onPacked: OnPacked) => MemberPacker
  index: IndexWriter
  errorPolicy: ErrorPolicy
  /** for what memory is too small for */
  spillDirectory: string
}): SourcePacker {
  const { index, errorPolicy } = options
  const totals: SourceTotals = { files: 0, dirs: 0, links: 0, others: 0, source_bytes: 0, hole_bytes: 0 }
  const consistency = emptyConsistencyReport()
  const issues: PackReport['issues'] = { total: 0, sample: [] }
  const gradeCounts = new Map<Grade, number>()
  const replacements = new Map<BytePath, string>()
  const candidates: SettleCandidate[] = []
  const releases = new Map<PackItem, () => void>()
  const settling = new Map<BytePath, SettleCandidate>()
  const links = createHardLinkTable({ spillDirectory: options.spillDirectory })
  const members = options.createMembers(onPacked)
  let addedCount = 0

  function addIssue(path: BytePath, error: { code: string; message: string }): void {
    const issue = { path: pathText(path).text, ...error }
    issues.total += 1
    if (issues.sample.length < maxIssueSamples) issues.sample.push(issue)
    if (errorPolicy === 'fail_fast') {
      throw new BastionError('issues', `/${issue.path} could not be read: ${issue.message}`, { details: { issues: { total: 1, sample: [issue] } } })
    }
  }

  function release(item: PackItem): void {
    releases.get(item)?.()
    releases.delete(item)
  }

  function countGrade(grade: Grade | null, by: 1 | -1): void {
    if (grade !== null) gradeCounts.set(grade, (gradeCounts.get(grade) ?? 0) + by)
  }

  function onPacked(item: PackItem, packed: PackedItem, line: Uint8Array, place: MemberPlace): void {
    release(item)
    if (item.supersedes) return onSettled(item, packed, line, place)
    links.onPacked(item, packed)
    if (packed.error !== undefined) addIssue(item.path, packed.error)
    if (packed.lineBytes === 0) {
      if (packed.finding !== undefined) addFinding(consistency, packed.finding)
      return
    }
    index.add(item.path, line, place)
    if (packed.kind === 'file') totals.files += 1
    else if (packed.kind === 'dir') totals.dirs += 1
    else if (packed.kind === 'symlink' || packed.kind === 'hardlink') totals.links += 1
    else totals.others += 1
    totals.source_bytes += packed.contentBytes
    totals.hole_bytes += packed.holeBytes ?? 0
    if (packed.retried) consistency.retried_total += 1
    countGrade(packed.grade, 1)
    if (packed.finding === undefined) return
    if (canSettle(packed.finding) && candidates.length < maxSettleCandidates) {
      const { finding, grade, contentBytes, holeBytes = 0 } = packed
      candidates.push({ item: packed.holdsGroup ? item : aloneOf(item), finding, grade, contentBytes, holeBytes })
    } else {
      addFinding(consistency, packed.finding)
    }
  }

  /** A later member of the same path takes the place of the first; when there is none the first stands as it was found. */
  function onSettled(item: PackItem, packed: PackedItem, line: Uint8Array, place: MemberPlace): void {
    const candidate = settling.get(item.path)
    settling.delete(item.path)
    if (packed.lineBytes > 0) replacements.set(item.path, closeEntryLine(Buffer.from(line).toString(), place))
    if (candidate === undefined) return // a hard link written again after its file
    if (packed.lineBytes === 0) return addFinding(consistency, candidate.finding)
    totals.source_bytes += packed.contentBytes - candidate.contentBytes
    totals.hole_bytes += (packed.holeBytes ?? 0) - candidate.holeBytes
    countGrade(candidate.grade, -1)
    countGrade(packed.grade, 1)
    if (packed.error !== undefined) addIssue(item.path, packed.error)
    if (packed.finding === undefined) consistency.retried_total += 1
    else addFinding(consistency, packed.finding)
  }

  function packItemOf(entry: SourceEntry): PackItem {
    const item: PackItem = { path: entry.path, kind: entry.kind, sizeBytes: entry.sizeBytes }
    if (entry.physical !== `/${entry.path}`) item.physical = entry.physical
    if (entry.followed) item.followed = true
    if (entry.frozen !== false) item.frozen = entry.frozen
    if (entry.inode !== undefined) item.inode = entry.inode
    if (entry.release !== undefined) releases.set(item, entry.release)
    return item
  }

  function send(item: PackItem, listed: FileStat | null): Promise<void> | undefined {
    addedCount += 1
    return members.add(item, listed)
  }

  async function addName(entry: SourceEntry, linkId: string): Promise<void> {
    const item = packItemOf(entry)
    // Whether the first name's content was stored decides what this one becomes.
    const first = links.itemOf(linkId)
    if (first !== null && first >= members.packedCount && !members.isOpen(first)) await members.drain()
    links.describe(item, linkId, entry.linkCount, addedCount)
    await send(item, entry.stat)
  }

  return {
    report: {
      totals,
      consistency,
      grade: () =>
        [...gradeCounts].reduce<Grade>((worst, [grade, count]) => (count > 0 ? worseGrade(worst, grade) : worst), bestGradeOf(gradeCounts)),
      issues,
      replacements,
    },
    add(sourceItem) {
      if ('problem' in sourceItem) {
        const { path, error } = sourceItem.problem
        const refused = readErrorOf({ path }, error)
        if (isGone(error)) {
          addFinding(consistency, { verdict: 'deleted', sample: { path: pathText(path).text, reason: 'stat_after_missing' } })
        } else {
          addFinding(consistency, refused.finding)
          addIssue(path, refused.error)
        }
        return undefined
      }
      const { entry } = sourceItem
      return entry.linkId === undefined ? send(packItemOf(entry), entry.stat) : addName(entry, entry.linkId)
    },
    async settle() {
      await members.drain()
      const left = await settle(candidates, {
        sourceBytes: totals.source_bytes,
        groupLinks: (groups) => links.linksOf(groups, index.scan()),
        pack: async (item, candidate) => {
          if (candidate !== null) settling.set(item.path, candidate)
          await send(item, null)
        },
        settled: async (item) => {
          await members.drain()
          const line = replacements.get(item.path)
          return line === undefined ? null : inodeOf(line)
        },
      })
      await members.end()
      for (const candidate of left) addFinding(consistency, candidate.finding)
    },
    [Symbol.dispose]: () => links[Symbol.dispose](),
  }
}

/** The name as that of a file of its own. */
function aloneOf({ group: _group, linkId: _linkId, primary: _primary, ...item }: PackItem): PackItem {
  return item
}

function inodeOf(line: string): InodeFacts {
  const { mode, uid, gid, mtime_ns } = JSON.parse(line) as Pick<Entry, 'mode' | 'uid' | 'gid' | 'mtime_ns'>
  return { mode, uid, gid, mtimeNs: BigInt(mtime_ns) }
}

function canSettle(finding: ConsistencyFinding): boolean {
  return finding.verdict === 'changed' || finding.verdict === 'replaced'
}

/** Without files there is nothing that could have changed. */
function bestGradeOf(counts: ReadonlyMap<Grade, number>): Grade {
  return [...counts].find(([, count]) => count > 0)?.[0] ?? 'stable'
}

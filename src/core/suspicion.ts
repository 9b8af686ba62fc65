import { z } from 'zod'
import type { CoverageItem } from './coverage.ts'

/** What makes a run suspicious: it is stored like any other, but it might be of a disk that is not mounted, or of a folder that somebody has emptied. */
export const suspicionSchema = z.discriminatedUnion('kind', [
  /** `median` of the last accepted runs, and what this run has */
  z.object({ kind: z.literal('files_fell'), median: z.number(), found: z.number() }),
  z.object({ kind: z.literal('bytes_fell'), median: z.number(), found: z.number() }),
  /** `unit` was read at `path` by the last accepted run */
  z.object({ kind: z.literal('mount_vanished'), path: z.string(), unit: z.string() }),
])
export type Suspicion = z.infer<typeof suspicionSchema>

/** What a person has said of a suspicious artifact: it is the new normal, or worth nothing. */
export const judgementSchema = z.enum(['accepted', 'given_up'])
export type Judgement = z.infer<typeof judgementSchema>

/** How much a run has found, and where. */
export interface SourceFacts {
  files: number
  source_bytes: number
  coverage: readonly CoverageItem[]
}

/** A run that was not suspicious, or that a person has accepted. */
export interface AcceptedRun extends SourceFacts {
  /** a person has said that this is the new normal: what was before it is no measure any more, and it is one alone */
  is_new_normal: boolean
}

/** So many runs are a measure for the next one. */
export const runsOfMedian = 5
/** Fewer runs say little of what is normal: only what has lost more than nine tenths against them is suspicious, as of a disk that is not there. */
const shareOfFewRuns = 1 / 10
/** A person is asked about many vanished mounts as well as about all of them. */
const mostMountsTold = 20

/**
 * Compares a run with those before it.
 * @param accepted the newest first; more than {@link runsOfMedian} are not looked at
 * @param sourcePaths what the run was asked to read: a place that is asked for no more has not vanished
 */
export function findSuspicions(run: SourceFacts, accepted: readonly AcceptedRun[], sourcePaths: readonly string[]): Suspicion[] {
  const last = accepted.slice(0, runsOfMedian)
  const normal = last.findIndex(({ is_new_normal }) => is_new_normal)
  const measure = normal === -1 ? last : last.slice(0, normal + 1)
  const [newest] = measure
  if (newest === undefined) return []
  const suspicions: Suspicion[] = []
  const share = normal !== -1 || measure.length === runsOfMedian ? 1 / 2 : shareOfFewRuns
  const files = medianOf(measure.map((one) => one.files))
  const bytes = medianOf(measure.map((one) => one.source_bytes))
  if (run.files < files * share) suspicions.push({ kind: 'files_fell', median: files, found: run.files })
  if (run.source_bytes < bytes * share) suspicions.push({ kind: 'bytes_fell', median: bytes, found: run.source_bytes })
  return [...suspicions, ...vanishedMounts(newest.coverage, run.coverage, sourcePaths).slice(0, mostMountsTold)]
}

function vanishedMounts(before: readonly CoverageItem[], now: readonly CoverageItem[], sourcePaths: readonly string[]): Suspicion[] {
  const unitsNow = new Map(now.map(({ path, unit }) => [path, unit]))
  return before
    .filter(({ read, path }) => (read === 'snapshot' || read === 'live') && isAskedFor(path, sourcePaths))
    .filter((item) => {
      const unit = unitsNow.get(item.path)
      if (unit === undefined) return true
      // A disk may get another name. But what is on one filesystem now with a place it was not on one with before is the empty directory the disk was mounted on.
      return unit !== item.unit && before.some((other) => other.path !== item.path && other.unit === unit && unitsNow.get(other.path) === unit)
    })
    .map(({ path, unit }) => ({ kind: 'mount_vanished', path, unit }))
}

function isAskedFor(path: string, sourcePaths: readonly string[]): boolean {
  return sourcePaths.some((source) => path === source || path.startsWith(source === '/' ? '/' : `${source}/`))
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

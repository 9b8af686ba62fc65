import { z } from 'zod'

/**
 * `auto` databases that are read live are captured as their application would read them, and their journals are left out · `off` their files are read like any other.
 * See docs/design/sqlite.md.
 */
export const sqliteCaptureSchema = z.enum(['auto', 'off'])

/** `online` through SQLite, beside the application · `copied` with its journal while nobody wrote, and recovered in the copy. */
export const captureHowSchema = z.enum(['online', 'copied'])
export type CaptureHow = z.infer<typeof captureHowSchema>

/**
 * Why a database was taken as plain files: another process keeps it locked · it was written to each time it was copied · SQLite cannot read it · we may not read it ·
 * the data directory is too full · the process that read it was ended · it has several names, each with a journal of its own · its journal belongs to a transaction over several databases.
 */
export const captureRefusals = ['locked', 'changing', 'damaged', 'denied', 'no_space', 'interrupted', 'several_names', 'several_databases'] as const
export type CaptureRefusal = (typeof captureRefusals)[number]

const count = z.number().int().nonnegative()
export const captureSampleSchema = z.object({
  path: z.string(),
  how: captureHowSchema.optional(),
  /** of the copy */
  size_bytes: count.optional(),
  refused: z.enum(captureRefusals).optional(),
  /** what SQLite found that read all of the copy, where that was asked for: a damaged one fails the run */
  foreign_key_violations: count.optional(),
})

/** What became of the SQLite databases of a source. */
export const captureReportSchema = z.object({
  captured_total: count,
  online_total: count,
  copied_total: count,
  captured_bytes: count,
  /** `-wal`, `-shm` and `-journal` files whose content is in the captured databases */
  left_out_total: count,
  refused_total: count,
  sample_truncated: z.boolean(),
  sample: z.array(captureSampleSchema),
})
export type CaptureReport = z.infer<typeof captureReportSchema>

export const maxCaptureSamples = 50

export function emptyCaptureReport(): CaptureReport {
  return {
    captured_total: 0,
    online_total: 0,
    copied_total: 0,
    captured_bytes: 0,
    left_out_total: 0,
    refused_total: 0,
    sample_truncated: false,
    sample: [],
  }
}

/** Counts one database; the sample keeps the first 50, and those refused before those captured. */
export function addCapture(
  report: CaptureReport,
  one: { path: string; how: CaptureHow; size_bytes: number; foreign_key_violations?: number } | { path: string; refused: CaptureRefusal },
): void {
  if ('how' in one) {
    report.captured_total += 1
    report[`${one.how}_total`] += 1
    report.captured_bytes += one.size_bytes
  } else {
    report.refused_total += 1
  }
  const { sample } = report
  if (sample.length < maxCaptureSamples) {
    sample.push(one)
    return
  }
  report.sample_truncated = true
  const captured = 'refused' in one ? sample.findLastIndex(({ how }) => how !== undefined) : -1
  if (captured >= 0) sample[captured] = one
}

import { z } from 'zod'

/** What a file looked like at one moment, as text where a number would lose digits. Not a cryptographic identity. */
export const fingerprintSchema = z.object({
  size_bytes: z.number(),
  mtime_unix_seconds: z.number().optional(),
  mtime_ns: z.string().optional(),
  ctime_ns: z.string().optional(),
  file_id: z.object({ dev: z.string(), ino: z.string() }).optional(),
})
export type Fingerprint = z.infer<typeof fingerprintSchema>

export const consistencyReasons = ['mtime_changed', 'size_changed', 'file_id_changed', 'stat_after_missing', 'read_error'] as const
export type ConsistencyReason = (typeof consistencyReasons)[number]

export const consistencySampleSchema = z.object({
  path: z.string(),
  reason: z.enum(consistencyReasons),
  before: fingerprintSchema.optional(),
  after: fingerprintSchema.optional(),
  error: z.string().optional(),
})
export type ConsistencySample = z.infer<typeof consistencySampleSchema>

const count = z.number().int().nonnegative()
export const consistencyTotalsSchema = z.object({
  changed_total: count,
  replaced_total: count,
  deleted_total: count,
  read_error_total: count,
  retried_total: count,
})
export type ConsistencyTotals = z.infer<typeof consistencyTotalsSchema>

export const maxConsistencySamples = 50

export const consistencyReportSchema = consistencyTotalsSchema.extend({
  sample_truncated: z.boolean(),
  sample: z.array(consistencySampleSchema).max(maxConsistencySamples),
})
export type ConsistencyReport = z.infer<typeof consistencyReportSchema>

/** What happened to one entry while it was read. */
export type ConsistencyVerdict = 'changed' | 'replaced' | 'deleted' | 'read_error'
export interface ConsistencyFinding {
  verdict: ConsistencyVerdict
  sample: ConsistencySample
}

export function emptyConsistencyReport(): ConsistencyReport {
  return { changed_total: 0, replaced_total: 0, deleted_total: 0, read_error_total: 0, retried_total: 0, sample_truncated: false, sample: [] }
}

/** Counts a finding in `report`; totals count all of them, the sample keeps the first 50. */
export function addFinding(report: ConsistencyReport, finding: ConsistencyFinding): void {
  report[`${finding.verdict}_total`] += 1
  if (report.sample.length < maxConsistencySamples) report.sample.push(finding.sample)
  else report.sample_truncated = true
}

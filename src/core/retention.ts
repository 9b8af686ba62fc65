import { z } from 'zod'
import { hasRule, type RetentionRule } from './retention-rules.ts'

/** A number of things to keep; `null`: there is no such rule. Nought is refused, for it could be read as "keep none" and as "no rule". */
const keep = z.int().min(1).max(100_000).nullable().default(null)

const policyFields = {
  /** whether artifacts are deleted at all */
  enabled: z.boolean().default(false),
  /** the newest ones */
  keep_last: keep,
  /** those of this many days before the day of the newest good one */
  keep_days: keep,
  /** the best one of each of so many hours, days, ISO weeks, months and years that have any */
  keep_hourly: keep,
  keep_daily: keep,
  keep_weekly: keep,
  keep_monthly: keep,
  keep_yearly: keep,
  /** of one job, each time the Hub looks */
  max_delete_per_tick: z.int().min(1).max(1000).default(50),
  /** of one job, in any 24 hours */
  max_delete_per_day: z.int().min(1).max(10_000).default(200),
}

const needsRule = { path: ['enabled'], message: 'retention needs a rule that says what to keep' }

/** What is kept of a job's artifacts, and how fast the others go. */
export const retentionPolicySchema = z.strictObject(policyFields).refine(mayBeOn, needsRule)
export type RetentionPolicy = z.infer<typeof retentionPolicySchema>

/** A job's own policy, or that of the Hub. */
export const jobRetentionSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('inherit') }),
  z.strictObject({ mode: z.literal('custom').default('custom'), ...policyFields }).refine(mayBeOn, needsRule),
])
export type JobRetention = z.infer<typeof jobRetentionSchema>

function mayBeOn(policy: Partial<Record<RetentionRule, number | null>> & { enabled: boolean }): boolean {
  return !policy.enabled || hasRule(policy)
}

import { z } from 'zod'

/** A number of things to keep; `null`: there is no such rule. Nought is refused, for it could be read as "keep none" and as "no rule". */
const keep = z.int().min(1).max(100_000).nullable().default(null)

/** The rules, in the order in which their reasons are told. Artifacts that any of them wants are kept. */
export const retentionRules = ['keep_last', 'keep_days', 'keep_hourly', 'keep_daily', 'keep_weekly', 'keep_monthly', 'keep_yearly'] as const
export type RetentionRule = (typeof retentionRules)[number]

/** Rules that keep one artifact in each slot of the calendar. */
export const slotRules = ['keep_hourly', 'keep_daily', 'keep_weekly', 'keep_monthly', 'keep_yearly'] as const
export type SlotRule = (typeof slotRules)[number]

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

export function hasRule(policy: Readonly<Partial<Record<RetentionRule, number | null>>>): boolean {
  return retentionRules.some((rule) => (policy[rule] ?? null) !== null)
}

function mayBeOn(policy: Partial<Record<RetentionRule, number | null>> & { enabled: boolean }): boolean {
  return !policy.enabled || hasRule(policy)
}

/** The policy that is in force for a job. */
export function policyInForce(retention: JobRetention, hubPolicy: RetentionPolicy): RetentionPolicy {
  if (retention.mode === 'inherit') return hubPolicy
  const { mode: _mode, ...policy } = retention
  return policy
}

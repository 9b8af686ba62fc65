/** The rules, in the order in which their reasons are told. Artifacts that any of them wants are kept. */
export const retentionRules = ['keep_last', 'keep_days', 'keep_hourly', 'keep_daily', 'keep_weekly', 'keep_monthly', 'keep_yearly'] as const
export type RetentionRule = (typeof retentionRules)[number]

/** Rules that keep one artifact in each slot of the calendar. */
export const slotRules = ['keep_hourly', 'keep_daily', 'keep_weekly', 'keep_monthly', 'keep_yearly'] as const
export type SlotRule = (typeof slotRules)[number]

export function hasRule(policy: Readonly<Partial<Record<RetentionRule, number | null>>>): boolean {
  return retentionRules.some((rule) => (policy[rule] ?? null) !== null)
}

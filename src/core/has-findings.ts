import type { ConsistencyTotals } from './consistency.ts'

/** Whether the run owes a `source_consistency` event. */
export function hasFindings(report: ConsistencyTotals): boolean {
  return report.changed_total + report.replaced_total + report.deleted_total + report.read_error_total > 0
}

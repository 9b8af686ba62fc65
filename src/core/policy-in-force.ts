import type { JobRetention, RetentionPolicy } from './retention.ts'

/** The policy that is in force for a job: its own, or that of the Hub. */
export function policyInForce(retention: JobRetention, hubPolicy: RetentionPolicy): RetentionPolicy {
  if (retention.mode === 'inherit') return hubPolicy
  const { mode: _mode, ...policy } = retention
  return policy
}

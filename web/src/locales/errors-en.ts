import type { ErrorCode } from '../../../src/core/errors.ts'
import { errorCodes } from '../../../src/core/errors.ts'
import { literal } from './literal.ts'

const titles = {
  snapshot_unavailable: 'No source snapshot',
  source_not_found: 'Source not found',
  source_suspicious: 'Suspicious source',
  source_consistency: 'Files changed while they were read',
  issues: 'Files could not be read',
  hook_failed: 'A hook failed',
  target_identity: 'Not the expected target',
  target_auth: 'The target refused the credentials',
  target_permission: 'The target refused the operation',
  target_full: 'The target is full',
  target_unreachable: 'The target did not answer',
  target_timeout: 'The target was too slow',
  target_rate_limited: 'The target asked for fewer requests',
  target_rejected: 'The target refused what was sent',
  target_not_found: 'Not found on the target',
  artifact_not_found: 'Backup not found',
  artifact_damaged: 'Damaged backup',
  entry_not_found: 'Not in this backup',
  encryption_key_missing: 'The key is missing',
  encryption_key_not_kept: 'The key is kept by this Hub alone',
  restore_conflict: 'Something stands in the way',
  restore_failed: 'The restore failed',
  invalid_spec: 'Something is not right in what was given',
  unsupported: 'Not supported',
  protocol: 'Unexpected answer',
  node_offline: 'The node is offline',
  node_busy: 'The node is busy',
  hub_unreachable: 'The Hub did not answer',
  not_signed_in: 'Not signed in',
  sign_in_failed: 'Sign-in failed',
  not_allowed: 'Not allowed',
  not_found: 'Not found',
  snapshot_pinned: 'This backup is pinned',
  conflict: 'It stands in conflict with what is there',
  too_many_requests: 'Too many requests',
  interrupted: 'Interrupted',
  canceled: 'Canceled',
  internal: 'Internal error',
} satisfies Record<ErrorCode, string>

/** What each error code is called, and what to do next: the hints are those of the code itself. */
export const errorsEn = Object.fromEntries(
  Object.entries(titles).map(([code, title]) => [code, { title, hint: literal(errorCodes[code as ErrorCode].hint) }]),
) as Record<ErrorCode, { title: string; hint: string }>

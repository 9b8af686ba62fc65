import { z } from 'zod'
import type { ErrorCode } from '../../core/errors.ts'
import { errorCodeSchema } from '../../core/run.ts'

/** `application/problem+json` (RFC 9457) of a call that failed: decide by `code`, show `message` and `hint`, report `request_id`. */
export const problemSchema = z.object({
  title: z.string(),
  status: z.int(),
  code: errorCodeSchema,
  message: z.string(),
  hint: z.string(),
  details: z.record(z.string(), z.unknown()),
  request_id: z.string(),
})
export type Problem = z.infer<typeof problemSchema>

/** The HTTP status of each code. What went wrong at a target or a node is 502 to 504: the Hub itself is well. */
export const statusOfCode = {
  snapshot_unavailable: 409,
  source_not_found: 404,
  source_suspicious: 409,
  source_consistency: 409,
  issues: 409,
  hook_failed: 409,
  target_identity: 409,
  target_auth: 502,
  target_permission: 502,
  target_full: 507,
  target_unreachable: 502,
  target_timeout: 504,
  target_rate_limited: 503,
  target_rejected: 502,
  target_not_found: 404,
  artifact_not_found: 404,
  artifact_damaged: 502,
  snapshot_pinned: 409,
  entry_not_found: 404,
  encryption_key_missing: 409,
  encryption_key_not_kept: 409,
  restore_conflict: 409,
  restore_failed: 500,
  invalid_spec: 400,
  unsupported: 501,
  protocol: 502,
  node_offline: 503,
  node_busy: 503,
  hub_unreachable: 502,
  not_signed_in: 401,
  sign_in_failed: 401,
  not_allowed: 403,
  not_found: 404,
  conflict: 409,
  too_many_requests: 429,
  interrupted: 503,
  canceled: 409,
  internal: 500,
} as const satisfies Record<ErrorCode, number>

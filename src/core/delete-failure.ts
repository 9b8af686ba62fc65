import { z } from 'zod'
import type { ErrorCode } from './errors.ts'

/**
 * Why a delete has not come to its end, as far as it matters for what happens next.
 *
 * `network` may pass by itself · `auth` `config` somebody has to change something · `identity` another target is there, or none · `foreign` the directory is not provably ours ·
 * `node_offline` nobody was asked · `missing_held` too many were not there at once, and a person has to say that this is so · `unknown` anything else.
 */
const deleteFailureKinds = ['network', 'auth', 'config', 'identity', 'foreign', 'node_offline', 'missing_held', 'unknown'] as const
export const deleteFailureKindSchema = z.enum(deleteFailureKinds)
type DeleteFailureKind = (typeof deleteFailureKinds)[number]

/** What nodes and targets bring about. */
type FailedOf = Exclude<DeleteFailureKind, 'missing_held'>

/** What a delete that fails with `code` has failed of. */
export function deleteFailureKind(code: ErrorCode): FailedOf {
  return kindOf[code] ?? 'unknown'
}

const kindOf: Partial<Record<ErrorCode, FailedOf>> = {
  target_unreachable: 'network',
  target_timeout: 'network',
  target_rate_limited: 'network',
  too_many_requests: 'network',
  node_busy: 'network',
  interrupted: 'network',
  canceled: 'network',
  node_offline: 'node_offline',
  target_auth: 'auth',
  target_permission: 'auth',
  not_allowed: 'auth',
  target_identity: 'identity',
  conflict: 'foreign',
  // A secret that is not there; a target that cannot be opened as it is described.
  not_found: 'config',
  invalid_spec: 'config',
  unsupported: 'config',
  target_rejected: 'config',
}

const minuteMs = 60_000
const longestDelayMs = 6 * 60 * minuteMs

/** How a failure of each kind is met: it is tried again after a delay that doubles with each attempt, or it waits for somebody and is only looked at now and then. */
export const firstDelayMs: Readonly<Record<Exclude<FailedOf, 'node_offline'>, number | null>> = {
  network: minuteMs,
  unknown: 5 * minuteMs,
  auth: null,
  config: null,
  identity: null,
  foreign: null,
}

/** A blocked delete is looked at so often: somebody may have mended what was wrong. */
export const lookAgainMs = longestDelayMs

/**
 * @param attempts how many have failed by now, at least 1
 * @param random 0 … 1: deletes that failed together do not come back together
 */
export function deleteDelayMs(firstMs: number, attempts: number, random: number): number {
  const delayMs = Math.min(longestDelayMs, firstMs * 2 ** (attempts - 1))
  return Math.round(Math.min(longestDelayMs, delayMs * (0.8 + 0.4 * random)))
}

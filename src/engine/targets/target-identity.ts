import { targetIdentityKey, targetIdentitySchema, type TargetIdentity } from '../../core/artifact.ts'
import { BastionError, hasCode } from '../../core/errors.ts'
import { readObject } from './read-object.ts'
import type { Target } from './target.ts'

/** Many times what an identity has. */
const maxIdentityBytes = 64 * 1024

/**
 * Reads which target this is, and writes nothing. To be asked before every delete, cleanup, check and rebuild: only under a proven identity is
 * "not found" believed.
 * @throws target_identity when there is none, it cannot be understood, or it is not `expectedTargetId`
 */
export async function proveIdentity(target: Target, expectedTargetId?: string, signal?: AbortSignal): Promise<TargetIdentity> {
  const identity = await readIdentity(target, signal)
  if (identity === undefined) throw absentError(target, expectedTargetId)
  return requireExpected(target, identity, expectedTargetId)
}

export interface EstablishOptions {
  /** The id known from before. With it nothing is ever written. */
  expectedTargetId?: string | undefined
  /** The id it gets when it is used for the first time. */
  newTargetId: string
  nowMs: number
  signal?: AbortSignal | undefined
}

/**
 * Reads which target this is before a run; a target without an identity, of which none is known either, gets one. Of two that give it one at
 * the same time both return the same.
 * @throws target_identity as {@link proveIdentity}, except that none is no error where none is expected
 */
export async function establishIdentity(target: Target, { expectedTargetId, newTargetId, nowMs, signal }: EstablishOptions): Promise<TargetIdentity> {
  const found = await readIdentity(target, signal)
  if (found !== undefined) return requireExpected(target, found, expectedTargetId)
  if (expectedTargetId !== undefined) throw absentError(target, expectedTargetId)
  const identity = targetIdentitySchema.parse({ v: 1, target_id: newTargetId, created_at: nowMs } satisfies TargetIdentity)
  const bytes = Buffer.from(`${JSON.stringify(identity)}\n`)
  try {
    await target.put(targetIdentityKey, bytes, { ifAbsent: true, sizeBytes: bytes.length, ...(signal && { signal }) })
  } catch (error) {
    if (!hasCode(error, 'target_rejected') || error.details['exists'] !== true) throw error
  }
  // What stands there now is the identity, whoever wrote it: places that cannot put conditionally let both writers through.
  const written = await readIdentity(target, signal)
  if (written === undefined) throw identityError(`${targetIdentityKey} was written to ${target.label} and is not there.`)
  return written
}

async function readIdentity(target: Target, signal: AbortSignal | undefined): Promise<TargetIdentity | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readObject(target, targetIdentityKey, { maxBytes: maxIdentityBytes, ...(signal && { signal }) })
  } catch (error) {
    if (hasCode(error, 'target_not_found')) return undefined
    throw hasCode(error, 'target_rejected') ? damagedError(target, error) : error
  }
  try {
    return targetIdentitySchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch (error) {
    throw damagedError(target, error)
  }
}

function requireExpected(target: Target, identity: TargetIdentity, expectedTargetId: string | undefined): TargetIdentity {
  if (expectedTargetId === undefined || identity.target_id === expectedTargetId) return identity
  throw identityError(`${target.label} is the target ${identity.target_id}, not ${expectedTargetId}, which was here before.`)
}

function absentError(target: Target, expectedTargetId: string | undefined): BastionError {
  const known = expectedTargetId === undefined ? '' : `; ${expectedTargetId} was here before`
  return identityError(`${target.label} holds no ${targetIdentityKey}${known}.`)
}

function damagedError(target: Target, cause: unknown): BastionError {
  return new BastionError('target_identity', `${targetIdentityKey} on ${target.label} cannot be understood.`, {
    cause,
    hint: 'Look at that file: something else wrote it, or it is damaged. Nothing was written.',
  })
}

function identityError(message: string): BastionError {
  return new BastionError('target_identity', message)
}

import { runPrefix } from '../core/artifact.ts'
import type { Clock } from '../core/clock.ts'
import type { ArtifactRef } from './open-artifact.ts'
import { removeRunDirectory } from './remove-run-directory.ts'
import { foreignDirectory, readRunDirectory, type RunDirectory } from './run-directory.ts'
import { proveIdentity } from './targets/target-identity.ts'
import type { Target } from './targets/target.ts'

export interface RemoveArtifactOptions {
  expectedTargetId?: string | undefined
  /** only what this Hub has stored */
  hubId: string
  /** also what another Hub has stored */
  force: boolean
  /** told right before the first object is removed */
  onBegin?: () => void
  clock: Clock
  signal: AbortSignal
}

export type RemovedArtifact = { result: 'removed'; objects: number; bytes: number } | { result: 'not_there' }

/** Why a directory that is ours stays; `null` when it may go. */
export type Keep<Why> = (found: RunDirectory) => Why | null

/**
 * Removes an artifact, whole, damaged, half removed or incomplete, when its directory is provably the one that is meant: the target has the expected identity, and a `run.json` there has
 * these ids and this Hub's. Any other directory is left as it is. What was begun and did not end is begun again by the same call.
 * @throws target_identity · conflict (details `reason: foreign`) when the directory is not provably ours · the target's errors · canceled
 */
export async function removeArtifact(target: Target, ref: ArtifactRef, options: RemoveArtifactOptions): Promise<RemovedArtifact> {
  return (await removeUnless(target, ref, options, () => null)) as RemovedArtifact
}

/** The same, but for what `keep` has a reason to keep, by the very look the removal is decided on. */
export async function removeUnless<Why>(
  target: Target,
  ref: ArtifactRef,
  { expectedTargetId, hubId, force, onBegin, clock, signal }: RemoveArtifactOptions,
  keep: Keep<Why>,
): Promise<RemovedArtifact | { result: 'kept'; why: Why }> {
  const prefix = runPrefix(ref.jobId, ref.runId)
  const identity = await proveIdentity(target, expectedTargetId, signal)
  const found = await readRunDirectory(target, ref, { nowMs: clock.now(), signal })
  if (found.state === 'absent') {
    // A disk that went away between the two looks shows nothing either.
    await proveIdentity(target, identity.target_id, signal)
    return { result: 'not_there' }
  }
  if (found.state === 'foreign') throw foreignDirectory(target, ref, found.why)
  if (found.state === 'run' && found.marker.hub_id !== hubId && !force)
    throw foreignDirectory(target, ref, `another Hub has stored it (${found.marker.hub_id})`)
  const why = keep(found)
  if (why !== null) return { result: 'kept', why }
  signal.throwIfAborted()
  onBegin?.()
  if (found.state === 'run') return { result: 'removed', objects: await removeRunDirectory(target, prefix), bytes: found.facts.bytes }
  if (await target.removeDirectory(prefix)) return { result: 'removed', objects: 0, bytes: 0 }
  throw foreignDirectory(target, ref, 'something is in it that is no object')
}

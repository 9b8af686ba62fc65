import { objectNames } from '../core/artifact.ts'
import type { Clock } from '../core/clock.ts'
import { hasCode } from '../core/errors.ts'
import { type ArtifactRef, openArtifact } from './open-artifact.ts'
import { readRunDirectory } from './run-directory.ts'
import { proveIdentity } from './targets/target-identity.ts'
import type { Target } from './targets/target.ts'
import { verify } from './verify.ts'

export type CheckedArtifact = { status: 'ok'; objects: number } | { status: 'damaged'; why: string } | { status: 'not_there' }

/**
 * Walks the chain of an artifact: marker, manifest, the objects and their sizes. Of a raw tree its files too.
 * @param options.manifestHash as it was when it was stored
 * @throws target_identity · unsupported (a newer format is no damage) · the target's errors · canceled
 */
export async function checkArtifact(
  target: Target,
  ref: ArtifactRef,
  options: { expectedTargetId?: string | undefined; manifestHash?: string | undefined; clock: Clock; signal: AbortSignal },
): Promise<CheckedArtifact> {
  const { expectedTargetId, manifestHash, clock, signal } = options
  const identity = await proveIdentity(target, expectedTargetId, signal)
  try {
    const artifact = await openArtifact(target, ref, {
      identities: [],
      signal,
      ...(manifestHash === undefined ? {} : { expectedManifestHash: manifestHash }),
    })
    const report = await verify({ target, artifact, level: 'chain', sampleShare: 0, random: () => 0, clock, signal, onProgress: () => {} })
    const [first] = report.damaged.sample
    if (report.ok) return { status: 'ok', objects: report.objects.checked }
    const others = report.damaged.total > 1 ? `, and ${report.damaged.total - 1} more` : ''
    return { status: 'damaged', why: first === undefined ? 'not all of it could be checked' : `${first.object} ${first.message}${others}` }
  } catch (error) {
    if (hasCode(error, 'artifact_damaged')) return { status: 'damaged', why: error.message }
    if (!hasCode(error, 'artifact_not_found')) throw error
  }
  const found = await readRunDirectory(target, ref, { nowMs: clock.now(), signal })
  // A disk that went away meanwhile shows nothing either.
  await proveIdentity(target, identity.target_id, signal)
  if (found.state === 'absent' || found.state === 'empty') return { status: 'not_there' }
  return {
    status: 'damaged',
    why: found.state === 'foreign' ? found.why : `it has no ${objectNames.complete}: it was never complete, or is being removed`,
  }
}

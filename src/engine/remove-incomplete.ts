import type { ArtifactRef } from './open-artifact.ts'
import { type RemoveArtifactOptions, type RemovedArtifact, removeUnless } from './remove-artifact.ts'
import type { RunDirectory } from './run-directory.ts'
import type { Target } from './targets/target.ts'

/** `complete`: it is an artifact. `too_new`: something was stored in it lately, perhaps by a run that is alive. */
export type RemovedIncomplete = RemovedArtifact | { result: 'kept'; why: 'complete' | 'too_new' }

/**
 * Removes what a run has left that never became an artifact, as {@link removeArtifact} does, when it has no marker and nothing happened in it since `olderThanAt`. That its run is not
 * alive is for the caller to know.
 * @param options.olderThanAt milliseconds since 1970
 * @throws as {@link removeArtifact}
 */
export async function removeIncomplete(
  target: Target,
  ref: ArtifactRef,
  options: RemoveArtifactOptions & { olderThanAt: number },
): Promise<RemovedIncomplete> {
  return await removeUnless(target, ref, options, (found) => {
    if (found.state === 'run' && found.complete) return 'complete'
    return lastSignOf(ref, found) > options.olderThanAt ? 'too_new' : null
  })
}

/** When something happened in a run's directory last: an object was stored, the run began, or its id was made. Milliseconds since 1970. */
export function lastSignOf({ runId }: ArtifactRef, found: RunDirectory): number {
  // A run makes its directory before anything is in it. The first 48 bits of a UUIDv7 are a time (RFC 9562, section 5.7).
  const madeAt = Number.parseInt(runId.replaceAll('-', '').slice(0, 12), 16)
  const newestAt = found.state === 'run' || found.state === 'foreign' ? (found.facts.newestAt ?? 0) : 0
  return Math.max(madeAt, newestAt, found.state === 'run' ? found.marker.started_at : 0)
}

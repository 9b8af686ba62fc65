import type { Clock } from '../core/clock.ts'
import { type Artifact, openArtifact } from '../engine/open-artifact.ts'
import { openWorkingTarget } from '../engine/targets/open-working-target.ts'
import { proveIdentity } from '../engine/targets/target-identity.ts'
import type { Target } from '../engine/targets/target.ts'
import type { Credentials } from '../protocol/run-plan.ts'
import { targetConfig } from './target-config.ts'

/** Where an artifact is and what it takes to read it, as requests and plans name it. */
export interface ArtifactPlace {
  target: Record<string, unknown>
  credentials: Credentials
  expected_target_id?: string | undefined
  job_id: string
  run_id: string
  identities: readonly string[]
  manifest_hash?: string | undefined
}

export interface OpenedArtifact extends AsyncDisposable {
  readonly target: Target
  readonly artifact: Artifact
}

/** Opens an artifact on a target that has proven to be the right one: only of that "not found" is believed. @throws BastionError */
export async function openArtifactAt(
  place: ArtifactPlace,
  { clock, signal, note }: { clock: Clock; signal: AbortSignal; note: (text: string) => void },
): Promise<OpenedArtifact> {
  const target = await openWorkingTarget(targetConfig(place.target, place.credentials), { clock, note })
  try {
    if (place.expected_target_id !== undefined) await proveIdentity(target, place.expected_target_id, signal)
    const ref = { jobId: place.job_id, runId: place.run_id }
    const { identities, manifest_hash: expectedManifestHash } = place
    const artifact = await openArtifact(target, ref, { identities, signal, ...(expectedManifestHash !== undefined && { expectedManifestHash }) })
    return { target, artifact, [Symbol.asyncDispose]: () => target.close() }
  } catch (error) {
    await target.close()
    throw error
  }
}

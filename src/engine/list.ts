import { type CompleteMarker, runPrefix } from '../core/artifact.ts'
import { hasCode } from '../core/errors.ts'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import type { Manifest } from '../core/manifest.ts'
import { type ArtifactRef, openArtifact, readComplete } from './open-artifact.ts'
import type { Target } from './targets/target.ts'

/** An artifact as a listing shows it. `damaged`: its marker stands, but the chain behind it is broken. */
export type ListedArtifact = ArtifactRef & { completed_at: number } & (
    | { status: 'present'; manifest: Manifest }
    | { status: 'damaged'; message: string }
  )

/** All artifacts of a target, or of one job, oldest first within a job. Directories without a complete marker are no artifacts. */
export async function* listArtifacts(target: Target, options: { jobId?: string; signal: AbortSignal }): AsyncGenerator<ListedArtifact> {
  const { signal } = options
  const jobIds = options.jobId === undefined ? await directoriesBelow(target, '', signal) : [options.jobId]
  for (const jobId of jobIds.filter((id) => jobIdSchema.safeParse(id).success)) {
    const runIds = await directoriesBelow(target, jobId, signal)
    for (const runId of runIds.filter((id) => runIdSchema.safeParse(id).success)) {
      signal.throwIfAborted()
      const artifact = await describe(target, { jobId, runId }, signal)
      if (artifact !== null) yield artifact
    }
  }
}

async function describe(target: Target, ref: ArtifactRef, signal: AbortSignal): Promise<ListedArtifact | null> {
  let complete: CompleteMarker | null = null
  try {
    complete = await readComplete(target, ref, signal)
    const { manifest } = await openArtifact(target, ref, { identities: [], signal })
    return { ...ref, completed_at: complete.completed_at, status: 'present', manifest }
  } catch (error) {
    if (hasCode(error, 'artifact_not_found')) return null
    if (!hasCode(error, 'artifact_damaged', 'unsupported')) throw error
    return { ...ref, completed_at: complete?.completed_at ?? 0, status: 'damaged', message: error.message }
  }
}

/** The artifact of a job completed last, by its marker; damaged ones are passed over. */
export async function latestArtifact(target: Target, jobId: string, signal: AbortSignal): Promise<ArtifactRef | null> {
  let latest: ListedArtifact | null = null
  for await (const artifact of listArtifacts(target, { jobId, signal })) {
    if (artifact.status === 'present' && (latest === null || artifact.completed_at >= latest.completed_at)) latest = artifact
  }
  return latest === null ? null : { jobId: latest.jobId, runId: latest.runId }
}

async function directoriesBelow(target: Target, prefix: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = []
  for await (const entry of target.list(prefix, { signal })) {
    if (entry.kind === 'directory') names.push(entry.key.slice(prefix === '' ? 0 : prefix.length + 1))
  }
  return names.toSorted()
}

/** `job/run` as people and targets write it. */
export function artifactName(ref: ArtifactRef): string {
  return runPrefix(ref.jobId, ref.runId)
}

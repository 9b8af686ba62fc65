import { objectNames, type RunMarker, runPrefix } from '../core/artifact.ts'
import { BastionError, hasCode } from '../core/errors.ts'
import { type ArtifactRef, readRunMarker } from './open-artifact.ts'
import type { Target } from './targets/target.ts'

/** What stands where a run stores, as a target shows it. */
export type RunDirectory =
  | { state: 'absent' }
  /** a directory in which no object is, as a removal leaves it that was ended just before its last step. What a target does not list may be in it */
  | { state: 'empty' }
  /** Not provably a run's: nothing in it is ever removed. */
  | { state: 'foreign'; why: string; facts: DirectoryFacts }
  | { state: 'run'; marker: RunMarker; complete: boolean; facts: DirectoryFacts }

export interface DirectoryFacts {
  objects: number
  bytes: number
  /** when the newest object was stored, as far as the target knows. A file of a raw tree may have the time of its source: what is still to come says nothing */
  newestAt: number | null
}

/** The clock of a target may be ahead of ours by so much. */
const clockSlackMs = 24 * 60 * 60_000

/**
 * Looks at a run's directory and changes nothing. Only under a proven identity of the target "absent" is to be believed.
 * @throws the target's errors · canceled
 */
export async function readRunDirectory(
  target: Target,
  ref: ArtifactRef,
  { nowMs, signal }: { nowMs: number; signal: AbortSignal },
): Promise<RunDirectory> {
  const prefix = runPrefix(ref.jobId, ref.runId)
  const facts: DirectoryFacts = { objects: 0, bytes: 0, newestAt: null }
  let complete = false
  for await (const { key, sizeBytes = 0, modifiedMs } of target.list(prefix, { recursive: true, signal })) {
    facts.objects += 1
    facts.bytes += sizeBytes
    if (modifiedMs !== undefined && modifiedMs < nowMs + clockSlackMs) facts.newestAt = Math.max(facts.newestAt ?? 0, Math.floor(modifiedMs))
    complete ||= key === `${prefix}/${objectNames.complete}`
  }
  if (facts.objects === 0) {
    const kind = await kindOf(target, ref, signal)
    if (kind === undefined) return { state: 'absent' }
    return kind === 'directory' ? { state: 'empty' } : { state: 'foreign', why: 'it is no directory', facts }
  }
  try {
    const marker = await readRunMarker(target, ref, signal)
    if (marker.run_id === ref.runId && marker.job_id === ref.jobId) return { state: 'run', marker, complete, facts }
    return { state: 'foreign', why: `its ${objectNames.run} is that of ${runPrefix(marker.job_id, marker.run_id)}`, facts }
  } catch (error) {
    if (!hasCode(error, 'artifact_damaged')) throw error
    const why = error.details['missing'] === true ? `it holds no ${objectNames.run}` : `its ${objectNames.run} cannot be understood`
    return { state: 'foreign', why, facts }
  }
}

/** @throws conflict, as everything does that would have to remove what is not provably a run's */
export function foreignDirectory(target: Target, ref: ArtifactRef, why: string): BastionError {
  return new BastionError(
    'conflict',
    `${runPrefix(ref.jobId, ref.runId)} on ${target.label} is not provably what is to be removed: ${why}. It was left as it is.`,
    {
      hint: 'Look at what is there. If it is not needed, remove it by hand.',
      details: { reason: 'foreign' },
    },
  )
}

async function kindOf(target: Target, { jobId, runId }: ArtifactRef, signal: AbortSignal): Promise<'object' | 'directory' | undefined> {
  for await (const { key, kind } of target.list(jobId, { signal })) if (key === runPrefix(jobId, runId)) return kind
  return undefined
}

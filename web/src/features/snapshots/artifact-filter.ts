import type { ListedArtifact } from '../../../../src/protocol/artifact-listing.ts'

/** What is chosen above a list of artifacts, as it stands in the address; empty is all. */
export interface ArtifactFilter {
  job: string
  /** a status, or `ignored` */
  state: string
  target: string
  /** `pinned` or `not` */
  pinned: string
}

/** Whether an artifact belongs into a list, by the rules of the Hub: without a state those that may still be there and that nobody ignores. */
export function fitsFilter({ job, state, target, pinned }: ArtifactFilter, artifact: ListedArtifact): boolean {
  if (job !== '' && artifact.job_id !== job) return false
  if (target !== '' && artifact.target.type !== target) return false
  if (pinned !== '' && (artifact.pinned_at !== null) !== (pinned === 'pinned')) return false
  if ((artifact.ignored_at !== null) !== (state === 'ignored')) return false
  if (state !== '' && state !== 'ignored') return artifact.status === state
  return artifact.status !== 'deleted' && artifact.status !== 'missing'
}

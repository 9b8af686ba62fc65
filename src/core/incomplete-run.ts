/** What a target shows of a run's directory without a marker. */
export interface IncompleteDirectory {
  job_id: string
  /** null where nothing in it tells whose it is */
  hub_id: string | null
  last_sign_at: number
}

/** What the Hub knows of the run; null: nothing. */
export interface KnownRun {
  job_id: string
  hasEnded: boolean
  /** Its artifact may still be there, or is being deleted: without its marker it is a damaged one, and not for cleanup to judge. */
  hasArtifact: boolean
}

/**
 * Whether what a run has left is to be removed: this Hub's, of a run that is no more and stored no artifact, and old.
 * @param olderThanAt nothing has happened in it since then
 */
export function isLeftOver(
  { job_id, hub_id, last_sign_at }: IncompleteDirectory,
  run: KnownRun | null,
  own: { hubId: string; olderThanAt: number },
): boolean {
  if (last_sign_at > own.olderThanAt) return false
  if (hub_id !== null && hub_id !== own.hubId) return false
  // A directory with nothing in it may be anybody's, unless the Hub remembers the run.
  if (run === null) return hub_id !== null
  return run.job_id === job_id && run.hasEnded && !run.hasArtifact
}

import type { ListedArtifact } from '../../../../src/protocol/artifact-listing.ts'

type Named = Pick<ListedArtifact, 'job_id' | 'run_id'>

/** Which artifact is open beside a list, as it stands in the address: `JOB/RUN`. */
export function openingOf({ job_id, run_id }: Named): string {
  return `${job_id}/${run_id}`
}

export function readOpening(opening: string): Named | null {
  const [job_id = '', run_id = ''] = opening.split('/')
  return job_id === '' || run_id === '' ? null : { job_id, run_id }
}

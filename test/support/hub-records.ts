import { createHash } from 'node:crypto'
import { uuidv7 } from '../../src/core/ids.ts'
import type { JobRecord } from '../../src/hub/store/job-store.ts'
import type { NewRun } from '../../src/hub/store/run-store.ts'
import { jobSpecSchema, type JobSpecInput } from '../../src/protocol/job-spec.ts'

/** Some time in 2026. */
export const someTime = Date.UTC(2026, 2, 1, 12, 0, 0)

/** The same id for the same moment and name; sorts by the moment. */
export function anId(atMs: number, name: string): string {
  return uuidv7(atMs, createHash('sha256').update(name).digest().subarray(0, 10))
}

export function aJobSpec(spec: Partial<JobSpecInput> = {}) {
  return jobSpecSchema.parse({
    name: 'srv',
    source: { type: 'filesystem', paths: ['/srv'] },
    target: { type: 'local_dir', path: '/backups' },
    ...spec,
  })
}

export function aJob({ spec, ...job }: Partial<Omit<JobRecord, 'spec'>> & { spec?: Partial<JobSpecInput> } = {}): JobRecord {
  const created_at = job.created_at ?? someTime
  return {
    id: anId(created_at, spec?.name ?? 'srv'),
    spec: aJobSpec(spec),
    target_id: null,
    next_run_at: null,
    created_at,
    updated_at: created_at,
    archived_at: null,
    ...job,
  }
}

export function aRun(job: Pick<JobRecord, 'id'>, run: Partial<NewRun> = {}): NewRun {
  const created_at = run.created_at ?? someTime
  return {
    id: anId(created_at, job.id),
    job_id: job.id,
    node_id: 'hub',
    state: 'queued',
    error: null,
    retry_of: null,
    attempt: 1,
    fire_at: null,
    not_before: null,
    folded: 0,
    created_at,
    ended_at: null,
    ...run,
  }
}

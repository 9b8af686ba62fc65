import { createHash } from 'node:crypto'
import type { DeleteTask } from '../../src/core/delete-task.ts'
import { uuidv7 } from '../../src/core/ids.ts'
import type { NewArtifact } from '../../src/hub/store/artifact-store.ts'
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

export function anArtifact(run: Pick<NewRun, 'id' | 'job_id' | 'node_id'>, artifact: Partial<NewArtifact> = {}): NewArtifact {
  return {
    run_id: run.id,
    job_id: run.job_id,
    node_id: run.node_id,
    target_snapshot: aJobSpec().target,
    target_id: 'target-1',
    manifest_hash: 'a'.repeat(64),
    artifact_format: 'archive_v1',
    recipients: [],
    grade: 'stable',
    holes: 0,
    totals: { files: 3, source_bytes: 1000, stored_bytes: 400 },
    completed_at: someTime,
    ended_at: someTime,
    ...artifact,
  }
}

export function aDeleteTask(artifact: Pick<NewArtifact, 'run_id' | 'job_id' | 'node_id' | 'target_id'>, task: Partial<DeleteTask> = {}): DeleteTask {
  const { run_id, job_id, node_id, target_id } = artifact
  return {
    run_id,
    job_id,
    node_id,
    target_id,
    status: 'queued',
    force: false,
    requested_by: 'person',
    requested_at: someTime,
    since: someTime,
    attempts: 0,
    touched: false,
    missing_confirmed: false,
    next_attempt_at: someTime,
    last_attempt_at: null,
    last_error_kind: null,
    last_error: null,
    lease_until: null,
    ended_at: null,
    ...task,
  }
}

import { DatabaseSync } from 'node:sqlite'
import { openStore } from '../../src/hub/store/store.ts'
import type { JobSpecInput } from '../../src/protocol/job-spec.ts'
import { aJobSpec, anId } from './hub-records.ts'

/** For {@link fillArtifacts}, which may run in a process of its own: what it needs of memory is nobody else's then. */
export interface ManyArtifacts {
  file: string
  jobs: number
  artifactsOfEach: number
  spec: Partial<JobSpecInput>
  nowMs: number
}

/** Fills a new database with jobs that have artifacts of every night, the newest of the night before, all of a node that is not there. Written by SQL, for row by row it would take hours. */
export async function fillArtifacts({ file, jobs, artifactsOfEach, spec, nowMs }: ManyArtifacts): Promise<void> {
  await (await openStore({ file, clock: { now: () => nowMs } }))[Symbol.asyncDispose]()
  const dayMs = 24 * 60 * 60_000
  const startMs = nowMs - artifactsOfEach * dayMs
  const database = new DatabaseSync(file)
  try {
    database.exec('pragma foreign_keys = off; pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -1000000; begin')
    const insertJob = database.prepare('insert into jobs (id, name, node_id, spec, created_at, updated_at) values (?, ?, ?, ?, ?, ?)')
    for (let at = 0; at < jobs; at++) {
      const name = `job ${at}`
      insertJob.run(anId(startMs + at, name), name, 'elsewhere', JSON.stringify(aJobSpec({ ...spec, name })), startMs, startMs)
    }
    database.exec(`
      with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ${jobs * artifactsOfEach - 1})
      insert into runs (id, job_id, node_id, state, outcome, attempt, created_at, offered_at, started_at, ended_at, grade, is_clean)
      select printf('%08x-%04x-7000-8000-%012x', at >> 16, at & 65535, n), job, 'elsewhere', 'finished', 'success', 1, at, at, at, at + 60000, 'stable', 1
      from (
        select n, ${startMs} + (n / ${jobs}) * ${dayMs} + n % ${jobs} as at, (select id from jobs where rowid = n % ${jobs} + 1) as job from numbers
      )`)
    database.exec(`
      insert into run_artifacts (run_id, job_id, node_id, status, target_type, target_snapshot, target_id, manifest_hash, artifact_format, recipients,
        grade, holes, totals, files, source_bytes, stored_bytes, completed_at, ended_at, made_at)
      select id, job_id, 'elsewhere', 'present', 'local_dir', '{"type":"local_dir","path":"/backups"}', 'target-1', '${'a'.repeat(64)}', 'archive_v1', '[]',
        'stable', 0, '{"files":3,"source_bytes":1000,"stored_bytes":400}', 3, 1000, 400, ended_at, ended_at, ended_at
      from runs`)
    database.exec('commit')
  } finally {
    database.close()
  }
}

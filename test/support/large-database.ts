import { DatabaseSync } from 'node:sqlite'
import { openStore } from '../../src/hub/store/store.ts'
import type { Clock } from '../../src/core/clock.ts'
import { aJobSpec, anId } from './hub-records.ts'

export interface DatabaseSize {
  jobs: number
  runs: number
  events: number
}

const hour = 3_600_000

/** Progress and summary as long as those of a real run. */
const progress = JSON.stringify({
  stage: 'upload',
  done: { files: 84_211, dirs: 9120, bytes: 5_120_443_120 },
  rate_bps: 91_220_110,
  eta_s: 0,
  stored_bytes: 1_920_221_003,
})
const summary = JSON.stringify({
  filesystem: {
    snapshot: { mode: 'auto', status: 'ready' },
    coverage: Array.from({ length: 8 }, (_, at) => ({ path: `/srv/data/volume-${at}`, kind: 'mount' })),
  },
})

/** `count` numbers from 0, as a table. */
const numbers = (count: number) => `with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ${count - 1})`

/**
 * Fills a new database with the history of a Hub: jobs that ran every hour up to `nowMs`, most of them with success, each run with its events. Written by SQL, for
 * row by row it would take hours.
 */
export async function fillDatabase(file: string, size: DatabaseSize, clock: Clock): Promise<void> {
  await (await openStore({ file, clock }))[Symbol.asyncDispose]()
  const nowMs = clock.now()
  const stepMs = Math.floor(hour / size.jobs)
  const startMs = nowMs - size.runs * stepMs - hour
  const database = new DatabaseSync(file)
  try {
    database.exec('pragma foreign_keys = off; pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -1000000; begin')
    const insertJob = database.prepare(
      'insert into jobs (id, name, node_id, spec, next_run_at, last_ended_state, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    for (let at = 0; at < size.jobs; at++) {
      const created = startMs - size.jobs + at
      const spec = aJobSpec({ name: `job ${at}`, schedule: '0 * * * *', schedule_timezone: 'Europe/Berlin' })
      insertJob.run(
        anId(created, spec.name),
        spec.name,
        'hub',
        JSON.stringify(spec),
        nowMs + hour + at,
        at % 50 === 0 ? 'failed' : 'finished',
        created,
        created,
      )
    }
    database.exec(`
      ${numbers(size.runs)}
      insert into runs (id, job_id, node_id, state, outcome, error, attempt, fire_at, created_at, offered_at, started_at, ended_at, grade, last_seq, node_seq, progress, summary)
      select
        printf('%08x-%04x-7000-8000-%012x', at >> 16, at & 65535, n),
        job, 'hub', state,
        case state when 'finished' then 'success' end,
        case state when 'failed' then '{"code":"target_unreachable","message":"the target did not answer","hint":"Check the network."}' end,
        1, at, at, at + 100, at + 200, at + 60000, case state when 'finished' then 'stable' end,
        ${size.events / size.runs}, ${size.events / size.runs - 2},
        '${progress}', '${summary}'
      from (
        select n, ${startMs} + n * ${stepMs} as at, (select id from jobs where rowid = n % ${size.jobs} + 1) as job,
          case n % 100 when 0 then 'canceled' when 1 then 'rejected' when 2 then 'failed' when 3 then 'failed' else 'finished' end as state
        from numbers
      )`)
    database.exec(`
      ${numbers(size.events / size.runs)}
      insert into run_events (run_id, seq, ts, level, kind, message, fields, node_seq)
      select run.id, n + 1, run.created_at + n * 100, 'info', case n when 0 then 'queued' when 1 then 'dispatched' else 'part_stored' end,
        'payload.part' || printf('%06d', n), '{"key":"job/run/payload.part' || printf('%06d', n) || '","bytes":33554432}', case when n > 1 then n - 1 end
      from runs as run cross join numbers`)
    database.exec('commit')
  } finally {
    database.close()
  }
}

import { mkdir, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { fillArtifacts } from './many-artifacts.ts'

const jobs = 100

export interface LongLists {
  /** runs, each with its artifact: a multiple of 100 */
  rows: number
  /** of the newest run, of the one before it, and so on */
  events: readonly number[]
}

/**
 * Makes a data directory with the history of a hundred jobs that ran every night, each run with what it tells of its progress and with its artifact.
 * @returns the newest runs, as many as have events: one event of each kind at the beginning, and then one for each part
 */
export async function fillLongLists(dataDirectory: string, { rows, events }: LongLists): Promise<{ runIds: string[] }> {
  await mkdir(dataDirectory, { recursive: true })
  const file = path.join(dataDirectory, 'bastion.db')
  await fillArtifacts({ file, jobs, artifactsOfEach: rows / jobs, spec: {}, nowMs: Date.now() })
  using database = new DatabaseSync(file)
  database.exec('begin')
  const done = { files: 84_211, dirs: 9120, bytes: 5_120_443_120 }
  const progress = { stage: 'complete', done, total: done, rate_bps: 91_220_110, eta_s: 0, stored_bytes: 1_920_221_003 }
  database.prepare('update runs set progress = ?').run(JSON.stringify(progress))
  const runIds = database
    .prepare('select id from runs order by id desc limit ?')
    .all(events.length)
    .map(({ id }) => String(id))
  const insert = database.prepare(
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < :events)
    insert into run_events (run_id, seq, ts, level, kind, message, fields)
    select :run, n, (select created_at from runs where id = :run) + n, 'info', case n when 1 then 'queued' when 2 then 'started' else 'part_stored' end,
      'part ' || n, '{"key":"payload.part' || printf('%06d', n) || '","bytes":33554432}'
    from numbers`,
  )
  for (const [at, run] of runIds.entries()) insert.run({ events: events[at]!, run })
  database.exec('commit')
  return { runIds }
}

/** A folder with so many files, all of them empty. */
export async function manyNames(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (let at = 1; at <= count; at += 1) await writeFile(path.join(folder, `letter-${String(at).padStart(6, '0')}.txt`), '')
}

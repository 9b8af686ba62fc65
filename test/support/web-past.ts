import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { uuidv7 } from '../../src/core/ids.ts'

/** Writes down what would have come about in weeks, as the Hub itself would have kept it. */
function inStore(folder: string, write: (database: DatabaseSync) => void): void {
  using database = new DatabaseSync(path.join(folder, 'data', 'bastion.db'))
  database.exec('pragma busy_timeout = 10000; begin immediate')
  write(database)
  database.exec('commit')
}

/** As a run that never stops talking would have left them; `needle` is what its event number 40 000 says. */
export function addEvents(folder: string, runId: string, { after, upTo, needle }: { after: number; upTo: number; needle: string }): void {
  inStore(folder, (database) => {
    const insert = database.prepare(
      "insert into run_events (run_id, seq, ts, level, kind, message, fields) values (?, ?, ?, 'info', 'part_stored', ?, '{}')",
    )
    for (let seq = after + 1; seq <= upTo; seq += 1) insert.run(runId, seq, Date.now(), seq === 40_000 ? needle : `part ${seq}`)
  })
}

export type PastRun = 'success' | 'warning' | 'failed'

const dayMs = 24 * 3600_000

/**
 * A run of a job for each of the days before today, the newest last; it ended as the letter says: a success, a warning, a failure, or none on that day. What
 * they read has grown by a third up to `newestBytes`.
 */
export function addPastRuns(folder: string, jobId: string, letters: string, newestBytes = 4_000_000_000): void {
  const outcomes: Record<string, PastRun> = { s: 'success', w: 'warning', f: 'failed' }
  inStore(folder, (database) => {
    const insert = database.prepare(
      `insert into runs (id, job_id, node_id, state, outcome, error, attempt, created_at, started_at, ended_at, grade, consistency_changed_total, progress)
       values (?, ?, 'hub', ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)`,
    )
    ;[...letters].forEach((letter, index) => {
      const outcome = outcomes[letter]
      if (outcome === undefined) return
      const at = Date.now() - (letters.length - index) * dayMs
      const tookMs = 40_000 + ((index * 7919) % 50_000)
      const bytes = Math.round(newestBytes * (0.75 + (0.25 * (index + 1)) / letters.length + 0.01 * Math.sin(index * 2)))
      const done = { files: 18_000 + index * 20, dirs: 900, bytes }
      const isGood = outcome !== 'failed'
      insert.run(
        uuidv7(at, new Uint8Array(10).fill(index)),
        jobId,
        isGood ? 'finished' : 'failed',
        isGood ? outcome : null,
        isGood ? null : JSON.stringify({ code: 'target_unreachable', message: 'the target did not answer', hint: 'Check that it is on.' }),
        at,
        at + 200,
        at + tookMs,
        isGood ? (outcome === 'warning' ? 'changed' : 'atomic_volume') : null,
        outcome === 'warning' ? 3 + (index % 4) : 0,
        JSON.stringify({ stage: 'complete', done, total: done, rate_bps: bytes / 40, eta_s: 0, stored_bytes: Math.round(bytes * 0.98) }),
      )
    })
  })
}

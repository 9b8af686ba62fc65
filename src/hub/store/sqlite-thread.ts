import { createThreadPool, threadModule } from '../../lib/thread-pool.ts'
import type { SqliteAnswer, SqliteFailure, SqliteStatement, SqliteThreadData } from './sqlite-statement.ts'

/** One connection to a database, in a thread of its own: SQLite answers synchronously, and what waits for a disk must not hold the event loop. */
export interface SqliteThread extends AsyncDisposable {
  /** One after the other, in the order they are given. @throws SqliteError */
  run(statement: SqliteStatement): Promise<SqliteAnswer>
}

export class SqliteError extends Error {
  readonly errcode: number | null

  constructor(failure: SqliteFailure) {
    super(failure.message)
    this.name = 'SqliteError'
    this.errcode = failure.errcode
    if (failure.stack !== undefined) this.stack = failure.stack
  }
}

export function startSqliteThread(workerData: SqliteThreadData): SqliteThread {
  return createThreadPool<SqliteStatement, SqliteAnswer>({
    module: threadModule(import.meta.url, './sqlite-worker'),
    size: 1,
    // Rows are garbage as soon as they are sent.
    youngMebibytes: 6,
    workerData,
    revive: (error) => new SqliteError(error as SqliteFailure),
  })
}

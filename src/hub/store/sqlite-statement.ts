/** One SQL statement and what to put in its places. Crosses from the store to the thread that holds the database. */
export interface SqliteStatement {
  sql: string
  parameters: readonly unknown[]
}

export interface SqliteAnswer {
  rows: Record<string, unknown>[]
  /** rows that were inserted, updated or deleted */
  changes: number
}

export interface SqliteThreadData {
  file: string
  /** statements that are run once, when the database is open */
  pragmas: readonly string[]
}

/** An error of SQLite on its way between threads. */
export interface SqliteFailure {
  message: string
  /** extended result code (https://sqlite.org/rescode.html); `null` when it is no error of SQLite */
  errcode: number | null
  stack: string | undefined
}

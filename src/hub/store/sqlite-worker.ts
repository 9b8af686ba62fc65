import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { workerData } from 'node:worker_threads'
import { answerTasks } from '../../lib/thread-answer.ts'
import type { SqliteAnswer, SqliteFailure, SqliteStatement, SqliteThreadData } from './sqlite-statement.ts'

const { file, pragmas } = workerData as SqliteThreadData

/** The repositories' queries are few; what is built from filters must not fill the memory. */
const mostPrepared = 500

const database = new DatabaseSync(file)
for (const pragma of pragmas) database.exec(pragma)
const prepared = new Map<string, StatementSync>()

answerTasks<SqliteStatement, SqliteAnswer>(
  ({ sql, parameters }) => {
    const statement = prepare(sql)
    if (statement.columns().length > 0) return { answer: { rows: statement.all(...(parameters as SQLInputValue[])), changes: 0 } }
    return { answer: { rows: [], changes: Number(statement.run(...(parameters as SQLInputValue[])).changes) } }
  },
  (error): SqliteFailure => {
    const { message, stack, errcode } = error as Error & { errcode?: number }
    return { message, stack, errcode: errcode ?? null }
  },
)

function prepare(sql: string): StatementSync {
  const known = prepared.get(sql)
  if (known !== undefined) return known
  if (prepared.size >= mostPrepared) prepared.clear()
  const statement = database.prepare(sql)
  prepared.set(sql, statement)
  return statement
}

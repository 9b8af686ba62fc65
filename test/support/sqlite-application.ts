import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isRoot, type User } from './as-user.ts'
import type { SqliteOrder } from './sqlite-user.ts'

/** A process of its own that has databases open: in the process of a test they would lose their locks with the first of their files that a backup closes. */
export interface SqliteApplication extends AsyncDisposable {
  /** Opens a database and makes the table `rows` in it. @param journalMode of https://sqlite.org/pragma.html */
  open(file: string, journalMode: 'wal' | 'delete' | 'persist' | 'truncate'): Promise<OpenDatabase>
  /** Reads a file, and closes it again. */
  readFile(file: string): Promise<void>
  /** Ends it without a chance to tidy up. */
  crash(): Promise<void>
}

export interface OpenDatabase {
  exec(sql: string): Promise<void>
  query(sql: string): Promise<Record<string, unknown>[]>
  /** Commits `count` rows in one transaction. */
  insert(count: number): Promise<void>
  /** From now on one row after the other, each committed by itself. */
  insertEvery(ms: number): Promise<void>
  rest(): Promise<void>
  /** The last row that is committed. */
  lastRow(): Promise<number>
  close(): Promise<void>
}

const program = fileURLToPath(new URL('sqlite-user.ts', import.meta.url))

export async function startSqliteApplication(user?: User): Promise<SqliteApplication> {
  const child = fork(program, { cwd: '/', execArgv: ['--no-warnings'], ...(isRoot ? user : {}) })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let nextId = 0
  const ended = once(child, 'close')
  child.on('message', ({ id, result, error }: { id: number; result: unknown; error?: string }) => {
    if (error === undefined) waiting.get(id)?.resolve(result)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.on('close', () => {
    for (const one of waiting.values()) one.reject(new Error('the application has ended'))
  })

  function ask(order: SqliteOrder): Promise<unknown> {
    const asked = Promise.withResolvers<unknown>()
    waiting.set(nextId, asked)
    child.send({ id: nextId++, order })
    return asked.promise
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    child.kill(signal)
    await ended
  }

  return {
    async open(file, journalMode) {
      const name = String(nextId)
      await ask({ open: file, name })
      const exec = async (sql: string) => void (await ask({ exec: sql, name }))
      const query = async (sql: string) => (await ask({ query: sql, name })) as Record<string, unknown>[]
      await exec(`PRAGMA journal_mode = ${journalMode}; CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)`)
      return {
        exec,
        query,
        insert: (count) =>
          exec(
            `INSERT INTO rows (text) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT 'row ' || i || printf('%.400c', '.') FROM n`,
          ),
        insertEvery: async (ms) => void (await ask({ insertEveryMs: ms, name })),
        rest: async () => void (await ask({ rest: name })),
        lastRow: async () => Number((await query('SELECT max(id) AS last FROM rows'))[0]!['last'] ?? 0),
        close: async () => void (await ask({ close: name })),
      }
    },
    readFile: async (file) => void (await ask({ readFile: file })),
    crash: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  }
}

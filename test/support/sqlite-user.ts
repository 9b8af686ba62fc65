import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * A process that uses databases as an application does: it opens them and keeps them open. Takes orders over its channel, see `sqlite-application.ts`, and ends with it.
 */
export type SqliteOrder =
  | { open: string; name: string }
  | { exec: string; name: string }
  | { query: string; name: string }
  | { close: string }
  | { insertEveryMs: number; name: string }
  | { rest: string }
  | { readFile: string }

const open = new Map<string, DatabaseSync>()
const writing = new Map<string, NodeJS.Timeout>()

process.on('disconnect', () => process.exit())
process.on('message', ({ id, order }: { id: number; order: SqliteOrder }) => {
  try {
    process.send!({ id, result: obey(order) ?? null })
  } catch (error) {
    process.send!({ id, error: (error as Error).message })
  }
})

function obey(order: SqliteOrder): unknown {
  if ('open' in order) {
    const db = new DatabaseSync(order.open, { timeout: 10_000 })
    open.set(order.name, db)
    return undefined
  }
  if ('close' in order) {
    rest(order.close)
    open.get(order.close)!.close()
    open.delete(order.close)
    return undefined
  }
  if ('rest' in order) {
    rest(order.rest)
    return undefined
  }
  if ('readFile' in order) {
    readFileSync(order.readFile)
    return undefined
  }
  const db = open.get(order.name)!
  if ('exec' in order) return db.exec(order.exec)
  if ('query' in order) return db.prepare(order.query).all()
  const insert = db.prepare('INSERT INTO rows (text) VALUES (?)')
  writing.set(
    order.name,
    setInterval(() => insert.run('x'.repeat(500)), order.insertEveryMs),
  )
  return undefined
}

function rest(name: string): void {
  clearInterval(writing.get(name))
  writing.delete(name)
}

import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { SqliteThread } from './sqlite-thread.ts'

/**
 * Kysely on one connection. A transaction has the connection to itself, and so has each statement outside of one: who comes meanwhile waits. So nothing
 * asked of this database from within a transaction, but not through it, is ever answered.
 */
export function createSqliteDialect(thread: SqliteThread): Dialect {
  return {
    createDriver: () => createDriver(thread),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

function createDriver(thread: SqliteThread): Driver {
  const connection = createConnection(thread)
  const waiting: (() => void)[] = []
  let taken = false

  return {
    async init() {},
    async acquireConnection() {
      if (taken) await new Promise<void>((resolve) => waiting.push(resolve))
      taken = true
      return connection
    },
    // `begin` alone would take the lock at the first write, when it may be too late to wait for it.
    async beginTransaction() {
      await connection.executeQuery(CompiledQuery.raw('begin immediate'))
    },
    async commitTransaction() {
      await connection.executeQuery(CompiledQuery.raw('commit'))
    },
    async rollbackTransaction() {
      await connection.executeQuery(CompiledQuery.raw('rollback'))
    },
    async releaseConnection() {
      const next = waiting.shift()
      if (next === undefined) taken = false
      else next()
    },
    // The thread is its opener's: Kysely ends only what it has used.
    async destroy() {},
  }
}

function createConnection(thread: SqliteThread): DatabaseConnection {
  return {
    async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, changes } = await thread.run({ sql, parameters })
      return { rows: rows as Row[], numAffectedRows: BigInt(changes) }
    },
    // eslint-disable-next-line require-yield -- lists are pages here; nothing streams
    async *streamQuery() {
      throw new Error('queries of the store are bounded and are not streamed')
    },
  }
}

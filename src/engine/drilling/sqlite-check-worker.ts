import { DatabaseSync } from 'node:sqlite'
import { answerTasks } from '../../lib/thread-answer.ts'
import { packError } from '../thread-errors.ts'
import type { SqliteAnswer, SqliteQuestion } from './sqlite-check.ts'

/** A thread that asks a database at a time. What a schema calls of functions is not trusted. */
answerTasks<SqliteQuestion, SqliteAnswer>((question) => ({ answer: answer(question) }), packError)

const mostProblems = 5

function answer({ file, queries }: SqliteQuestion): SqliteAnswer {
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(typeof file === 'string' ? file : Buffer.from(file), { enableForeignKeyConstraints: false })
    database.exec('pragma trusted_schema = off; pragma cell_size_check = on')
    return { problem: integrityProblem(database) ?? foreignKeyProblem(database), rows: queries.map((query) => rowsOf(database!, query)) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error), rows: queries.map(() => null) }
  } finally {
    close(database)
  }
}

function integrityProblem(database: DatabaseSync): string | null {
  const found = database
    .prepare(`pragma integrity_check(${mostProblems})`)
    .all()
    .map((row) => String(Object.values(row)[0]))
  if (found.length === 1 && found[0] === 'ok') return null
  return `integrity_check: ${found.join('; ') || 'no answer'}`
}

function foreignKeyProblem(database: DatabaseSync): string | null {
  const violated = new Map<string, number>()
  for (const { table, parent } of database.prepare('pragma foreign_key_check').iterate()) {
    const name = `${String(table)} refers to ${String(parent)}`
    if (violated.has(name) || violated.size < mostProblems) violated.set(name, (violated.get(name) ?? 0) + 1)
  }
  if (violated.size === 0) return null
  return `foreign_key_check: ${[...violated].map(([name, count]) => `${name} ${count} times in vain`).join('; ')}`
}

function rowsOf(database: DatabaseSync, query: string): SqliteAnswer['rows'][number] {
  try {
    return database.prepare(query).all()
  } catch {
    return null
  }
}

/** A database that is damaged may fail to close too; it was said what is wrong with it. */
function close(database: DatabaseSync | null): void {
  try {
    database?.close()
  } catch {
    // nothing more to say
  }
}

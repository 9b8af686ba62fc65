import { DatabaseSync } from 'node:sqlite'
import type { DatabaseCheck } from './capture-messages.ts'
import { sqliteTrouble } from './sqlite-error.ts'

const maxProblems = 10

/** Has SQLite read all of a copy that is ours. @throws the system's error */
export function checkDatabase(copy: string): DatabaseCheck {
  try {
    const db = new DatabaseSync(copy, { enableForeignKeyConstraints: false })
    try {
      const problems = db
        .prepare(`PRAGMA integrity_check(${maxProblems})`)
        .all()
        .map((row) => String(row['integrity_check']))
        .filter((text) => text !== 'ok')
      let foreignKeyViolations = 0
      for (const _row of db.prepare('PRAGMA foreign_key_check').iterate()) foreignKeyViolations += 1
      return { ok: problems.length === 0, problems, foreignKeyViolations }
    } finally {
      db.close()
    }
  } catch (error) {
    if (sqliteTrouble(error) === null) throw error
    return { ok: false, problems: [(error as Error).message], foreignKeyViolations: 0 }
  }
}

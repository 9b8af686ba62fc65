import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { type BytePath, fsPath, toBytePath } from '../../lib/byte-path.ts'
import { createThreadPool, threadModule } from '../../lib/thread-pool.ts'
import { splitPath } from '../restoring/destination.ts'
import { orCanceled } from '../targets/cancellation.ts'
import { reviveError } from '../thread-errors.ts'

export interface SqliteQuestion {
  file: string | Uint8Array
  /** `select` statements, asked beside the checks */
  queries: readonly string[]
}
export interface SqliteAnswer {
  /** what is wrong with it; null when nothing is */
  problem: string | null
  /** of each query; null where it cannot be asked, as when a table is missing */
  rows: (readonly Record<string, unknown>[] | null)[]
}

/** Asks databases whether they are whole. In a thread: SQLite reads all of a file in one call. */
export interface SqliteCheck extends AsyncDisposable {
  /**
   * `integrity_check` and `foreign_key_check` of a file below `root`, which is opened as its program would: what its journal holds is taken in, so the file may be changed.
   * @param root a directory of our own, through which no link leads · `queries` asked too
   * @throws canceled
   */
  ask(root: string, path: BytePath, queries?: readonly string[]): Promise<SqliteAnswer>
}

/** Names of the files SQLite opens, writes and removes beside a database. */
const companions = ['-wal', '-shm', '-journal']
/** At the end of a rollback journal that names a super-journal, which SQLite removes, wherever that is (https://www.sqlite.org/atomiccommit.html, 5). */
const superJournalMagic = Buffer.from('d9d505f920a163d7', 'hex')

export function createSqliteCheck(signal: AbortSignal): SqliteCheck {
  const pool = createThreadPool<SqliteQuestion, SqliteAnswer>({
    module: threadModule(import.meta.url, './sqlite-check-worker'),
    size: 1,
    revive: reviveError,
    abandons: true,
  })
  return {
    async ask(root, path, queries = []) {
      const file = `${toBytePath(root)}/${path}`
      const problem = unsafeCompanion(file)
      if (problem !== null) return { problem, rows: queries.map(() => null) }
      // A journal is written beside it, and modes are those of the source.
      chmodSync(fsPath(splitPath(file).parent), 0o700)
      chmodSync(fsPath(file), 0o600)
      return await orCanceled(pool.run({ file: fsPath(file), queries }), signal)
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

/** What came with the artifact must not make SQLite write to, or remove, anything else. */
function unsafeCompanion(file: BytePath): string | null {
  for (const suffix of companions) {
    const stats = lstatSync(fsPath(file + suffix), { throwIfNoEntry: false })
    if (stats === undefined) continue
    if (!stats.isFile()) return `${suffix} beside it is no file, so it is not opened`
    if (suffix === '-journal' && namesSuperJournal(file + suffix))
      return 'its journal is of a transaction over several databases, so it is not opened'
  }
  return null
}

function namesSuperJournal(journal: BytePath): boolean {
  const fd = openSync(fsPath(journal), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const end = Buffer.alloc(superJournalMagic.length)
    const { size } = fstatSync(fd)
    if (size < end.length) return false
    readSync(fd, end, 0, end.length, size - end.length)
    return end.equals(superJournalMagic)
  } finally {
    closeSync(fd)
  }
}

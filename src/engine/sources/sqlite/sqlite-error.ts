/** Result codes of SQLite (https://sqlite.org/rescode.html). */
const busy = 5
const locked = 6
const perm = 3
const readOnly = 8
const io = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const auth = 23
const notADatabase = 26

export type SqliteTrouble = 'busy' | 'cannot_open' | 'damaged' | 'full' | 'denied' | 'io'

const troubles: ReadonlyMap<number, SqliteTrouble> = new Map([
  [busy, 'busy'],
  [locked, 'busy'],
  [readOnly, 'cannot_open'],
  [cannotOpen, 'cannot_open'],
  [corrupt, 'damaged'],
  [notADatabase, 'damaged'],
  [full, 'full'],
  [perm, 'denied'],
  [auth, 'denied'],
  [io, 'io'],
])

/** What SQLite failed at; `null` for anything that is no error of SQLite. A schema that cannot be understood counts as damaged. */
export function sqliteTrouble(error: unknown): SqliteTrouble | null {
  const { code, errcode } = error as { code?: string; errcode?: number }
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return null
  return troubles.get(errcode & 0xff) ?? 'damaged'
}

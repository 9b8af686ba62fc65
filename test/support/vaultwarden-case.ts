import { fork } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { isRoot, type User } from './as-user.ts'

export interface VaultwardenServer extends AsyncDisposable {
  /** The number of the last cipher that is committed and has its files. */
  committed(): Promise<number>
}

const program = fileURLToPath(new URL('vaultwarden-server.ts', import.meta.url))

/** A server under load. */
export async function startVaultwarden(folder: string, user: User): Promise<VaultwardenServer> {
  const child = fork(program, [folder], { cwd: '/', execArgv: ['--no-warnings'], ...(isRoot ? user : {}) })
  const ended = once(child, 'close')
  await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('the server does not start')))])
  return {
    async committed() {
      child.send('?')
      const [{ committed }] = (await once(child, 'message')) as [{ committed: number }]
      return committed
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** What is wrong with a restored data directory that was backed up after cipher `committed` was saved. */
export function problemsOf(restored: string, committed: number): string[] {
  const problems: string[] = []
  const left = readdirSync(restored)
  for (const name of ['db.sqlite3-wal', 'db.sqlite3-shm', 'db.sqlite3-journal']) if (left.includes(name)) problems.push(`${name} was stored`)
  for (const name of ['config.json', 'rsa_key.pem', 'attachments', 'sends']) if (!left.includes(name)) problems.push(`${name} is missing`)
  const db = new DatabaseSync(path.join(restored, 'db.sqlite3'))
  try {
    for (const row of db.prepare('PRAGMA integrity_check').all()) if (row['integrity_check'] !== 'ok') problems.push(String(row['integrity_check']))
    for (const row of db.prepare('PRAGMA foreign_key_check').all()) problems.push(`foreign key: ${JSON.stringify(row)}`)
    const { rows } = db.prepare('SELECT count(*) AS rows FROM ciphers WHERE number <= ?').get(committed) as { rows: number }
    if (rows !== committed) problems.push(`${committed - rows} of ${committed} ciphers are missing`)
    for (const { id, cipher_uuid, file_size } of db.prepare('SELECT id, cipher_uuid, file_size FROM attachments').all() as Record<string, string>[]) {
      const file = lstatSync(path.join(restored, 'attachments', cipher_uuid!, id!), { throwIfNoEntry: false })
      if (file?.size !== Number(file_size)) problems.push(`the attachment ${id!} is not whole`)
    }
  } finally {
    db.close()
  }
  return problems
}

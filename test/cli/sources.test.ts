import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder } from '../support/cli-folder.ts'
import { lookInto } from '../support/sqlite-case.ts'

/** A database that is in use: what was written is in its log alone. */
function openDatabase(file: string): Disposable {
  const db = new DatabaseSync(file)
  db.exec(`PRAGMA journal_mode = WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO rows (text) VALUES ('one'), ('two')`)
  return { [Symbol.dispose]: () => db.close() }
}

async function restored(folder: CliFolder, artifact: string): Promise<string> {
  await folder.ok(['restore', artifact, '--to', 'restored'])
  return folder.at('restored', folder.path.slice(1))
}

test('one database is backed up by its path', async () => {
  await using folder = await cliFolder()
  using _open = openDatabase(folder.at('app.db'))
  const artifact = await folder.backup(['app.db'], { args: ['--source-type', 'sqlite'] })
  const back = await restored(folder, artifact)
  expect(readdirSync(back)).toEqual(['app.db'])
  expect(lookInto(`${back}/app.db`)).toEqual({ rows: 2, problems: [] })
})

test('a Vaultwarden server is backed up by its data directory', async () => {
  await using folder = await cliFolder()
  mkdirSync(folder.at('vw', 'icon_cache'), { recursive: true })
  writeFileSync(folder.at('vw', 'icon_cache', 'example.org.png'), '')
  writeFileSync(folder.at('vw', 'rsa_key.pem'), 'key')
  using _open = openDatabase(folder.at('vw', 'db.sqlite3'))
  const back = await restored(folder, await folder.backup(['vw'], { args: ['--source-type', 'vaultwarden'] }))
  expect(readdirSync(`${back}/vw`)).toEqual(['db.sqlite3', 'icon_cache', 'rsa_key.pem'])
  expect(lookInto(`${back}/vw/db.sqlite3`)).toEqual({ rows: 2, problems: [] })
})

test.for([
  ['another kind of source', ['app.db', '--source-type', 'toString']],
  ['an option that does nothing for it', ['app.db', '--source-type', 'sqlite', '--icon-cache']],
  ['two databases', ['app.db', 'app.db', '--source-type', 'sqlite']],
  ['a hook that is not an absolute path', ['app.db', '--hook-before', 'docker stop app']],
  ['a hook that is no list of texts', ['app.db', '--hook-after', '["/usr/bin/touch", 1]']],
  ['a hook that may take no time', ['app.db', '--hook-after', '/usr/bin/true', '--hook-timeout', '0']],
] as const)('%s is refused before anything is done', async ([, args]) => {
  await using folder = await cliFolder()
  writeFileSync(folder.at('app.db'), '')
  const end = await folder.run(['backup', ...args, '--to', 'backups', '--json'])
  expect(errorCodeOf(end)).toBe('invalid_spec')
  expect(existsSync(folder.at('backups'))).toBe(false)
})

test('hooks run before and after, each with its arguments as they stand', async () => {
  await using folder = await cliFolder()
  writeFileSync(folder.at('file'), '')
  const touch = (name: string) => JSON.stringify(['/usr/bin/touch', folder.at(name)])
  await folder.backup(['file'], { args: ['--hook-before', touch('a; b'), '--hook-after', touch('$c')] })
  expect(existsSync(folder.at('a; b'))).toBe(true)
  expect(existsSync(folder.at('$c'))).toBe(true)
})

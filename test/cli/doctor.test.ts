import { chmodSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { CliContext } from '../../src/cli/cli-context.ts'
import { diagnoseHub } from '../../src/cli/diagnose-hub.ts'
import { diagnoseMachine, nodeFinding } from '../../src/cli/diagnose-machine.ts'
import { lastTickName } from '../../src/hub/store/schedule-store.ts'
import { fillVault } from '../support/key-case.ts'
import { setUp, startHttpHub } from '../support/http-hub.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

function hubOf(dataDir: string, { env = {}, nowMs = Date.now() }: { env?: NodeJS.ProcessEnv; nowMs?: number } = {}) {
  const context: CliContext = { cwd: dataDir, env, signal: new AbortController().signal, out: async () => {}, note() {}, terminalColumns: () => null }
  return diagnoseHub(dataDir, context, nowMs)
}

/** A data directory in which something is sealed. */
async function filled() {
  const folder = await temporaryFolder()
  chmodSync(folder.path, 0o700)
  await fillVault(folder.path, ['default', 'attic'])
  return folder
}

test('nothing is wrong with this machine, nor with a data directory that is not there yet', async () => {
  await using folder = await temporaryFolder()
  const findings = [...(await diagnoseMachine(path.join(folder.path, 'not', 'yet'))), ...(await hubOf(path.join(folder.path, 'not', 'yet')))]
  expect(findings.filter(({ state }) => state === 'failure')).toEqual([])
  expect(findings.map(({ subject, state }) => [subject, state])).toEqual(
    expect.arrayContaining([
      ['node', 'ok'],
      ['BLAKE3 module', 'ok'],
      ['data directory', 'ok'],
      ['database', 'note'],
      ['Hub', 'note'],
    ]),
  )
  expect(['24.11.0', '26.0.0', '24.9.1', '20.20.0'].map((version) => nodeFinding(version).state)).toEqual(['ok', 'ok', 'failure', 'failure'])
})

test('a data directory that others can write, or that is no directory, is told with what to do', async () => {
  await using folder = await temporaryFolder()
  chmodSync(folder.path, 0o777)
  expect(await diagnoseMachine(folder.path)).toContainEqual(
    expect.objectContaining({ subject: 'data directory', state: 'problem', hint: `Run: chmod 700 ${folder.path}` }),
  )
  const file = path.join(folder.path, 'file')
  writeFileSync(file, '')
  chmodSync(file, 0o600)
  if (process.getuid?.() !== 0) expect(await diagnoseMachine(path.join(file, 'data'))).toContainEqual(expect.objectContaining({ state: 'failure' }))
})

test('database, master key and clock of a Hub that stands still are looked at, and keys that only it has are named', async () => {
  await using folder = await filled()
  const before = readFileSync(path.join(folder.path, 'bastion.db'))
  const findings = await hubOf(folder.path)
  expect(findings.map(({ subject, state }) => [subject, state])).toEqual([
    ['database', 'ok'],
    ['master key', 'ok'],
    ['age keys', 'problem'],
    ['clock', 'ok'],
    ['Hub', 'note'],
  ])
  expect(findings[2]!.message).toContain('attic, default are kept by this Hub alone')
  expect(readFileSync(path.join(folder.path, 'bastion.db')).equals(before)).toBe(true)
})

const keyFile = (folder: string) => path.join(folder, 'master.key')

test.each<[string, (folder: string) => void, Record<string, unknown>]>([
  [
    'a master key that is open to others',
    (folder) => chmodSync(keyFile(folder), 0o644),
    { subject: 'master key', state: 'failure', hint: expect.stringContaining('chmod 600') },
  ],
  [
    'a master key that is lost',
    (folder) => rmSync(keyFile(folder)),
    { subject: 'master key', state: 'failure', hint: expect.stringContaining('keypack import') },
  ],
  [
    'a master key of somebody else',
    (folder) => writeFileSync(keyFile(folder), Buffer.alloc(32).toString('base64')),
    { subject: 'master key', state: 'failure', message: expect.stringContaining('is not the key of this Hub') },
  ],
  [
    'a rotation that was cut',
    (folder) => writeFileSync(`${keyFile(folder)}.next`, Buffer.alloc(32).toString('base64'), { mode: 0o600 }),
    { subject: 'master key', state: 'problem', hint: expect.stringContaining('keypack rotate') },
  ],
  [
    'a clock that is behind what was seen',
    (folder) => {
      using database = new DatabaseSync(path.join(folder, 'bastion.db'))
      database.prepare('insert into settings values (?, ?, 0)').run(lastTickName, String(Date.now() + 3_600_000))
    },
    { subject: 'clock', state: 'problem', message: expect.stringContaining('has already seen') },
  ],
  [
    'a database of a newer program',
    (folder) => {
      using database = new DatabaseSync(path.join(folder, 'bastion.db'))
      database.exec("insert into schema_migrations values (1000, 'of tomorrow', 0)")
    },
    { subject: 'database', state: 'failure', message: expect.stringContaining('newer Bastion') },
  ],
  [
    'a database of an older program',
    (folder) => {
      using database = new DatabaseSync(path.join(folder, 'bastion.db'))
      database.exec('delete from schema_migrations where version > 1')
    },
    { subject: 'database', state: 'note', message: expect.stringContaining('from version 1 to') },
  ],
  [
    'a database in which something was overwritten',
    (folder) => {
      const fd = openSync(path.join(folder, 'bastion.db'), 'r+')
      for (let page = 2; page < 12; page += 1) writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096)
    },
    { subject: 'database', state: 'failure', hint: expect.stringContaining('bastion index rebuild TARGET') },
  ],
  [
    'a file that is no database',
    (folder) => writeFileSync(path.join(folder, 'bastion.db'), 'x'.repeat(10_000)),
    { subject: 'database', state: 'failure' },
  ],
])('%s is found', async (_, spoil, expected) => {
  await using folder = await filled()
  spoil(folder.path)
  expect(await hubOf(folder.path)).toContainEqual(expect.objectContaining(expected))
})

test('a Hub that runs is found and asked, and one that does not answer where it should is told', async () => {
  await using hub = await startHttpHub()
  await setUp(hub)
  const dataDir = path.join(hub.folder, 'data')
  const asked = await hubOf(dataDir, { env: { BASTION_HUB_URL: hub.url } })
  expect(asked).toContainEqual({ subject: 'Hub', state: 'ok', message: `runs, and is ready at ${hub.url}` })
  expect(asked.filter(({ state }) => state === 'failure' || state === 'problem')).toEqual([])
  expect(await hubOf(dataDir, { env: { BASTION_PORT: '1' } })).toContainEqual(
    expect.objectContaining({
      subject: 'Hub',
      state: 'problem',
      message: expect.stringContaining('http://127.0.0.1:1'),
      hint: expect.stringContaining('BASTION_HUB_URL'),
    }),
  )
})

test('runs whose end the Hub has not learned are found when no runner carries them out', async () => {
  await using folder = await filled()
  const id = '01a1fd05-fef3-705a-a4f8-33b44208a591'
  const directory = path.join(folder.path, 'runs', id)
  mkdirSync(directory, { recursive: true })
  writeFileSync(path.join(directory, 'plan.json'), '{}')
  expect(await hubOf(folder.path)).toContainEqual(
    expect.objectContaining({
      subject: 'runs',
      state: 'problem',
      message: expect.stringContaining(id),
      hint: expect.stringContaining('Start the Hub'),
    }),
  )
  writeFileSync(path.join(directory, 'acknowledged'), '')
  expect((await hubOf(folder.path)).filter(({ subject }) => subject === 'runs')).toEqual([])
})

test('a configuration file with a token that others can read is told', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'config.json')
  writeFileSync(file, '{"metrics_token": "x"}', { mode: 0o644 })
  const env = { BASTION_CONFIG: file }
  expect(await hubOf(folder.path, { env })).toContainEqual(
    expect.objectContaining({ subject: 'configuration', state: 'problem', hint: `Run: chmod 600 ${file}` }),
  )
  chmodSync(file, 0o600)
  expect(await hubOf(folder.path, { env })).toContainEqual({ subject: 'configuration', state: 'ok', message: file })
})

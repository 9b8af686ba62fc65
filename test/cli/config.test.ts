import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { CliContext } from '../../src/cli/cli-context.ts'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { type GivenFlags, readSettings } from '../../src/cli/read-settings.ts'
import { describeSetting, settingNames } from '../../src/cli/settings-table.ts'
import { jsonLines } from '../support/bastion-process.ts'
import { cliFolder } from '../support/cli-folder.ts'
import { signIn, startHubServer } from '../support/hub-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** What holds for a command line that stands in `cwd`. */
function settingsOf(
  cwd: string,
  { env = {}, config, ...more }: { env?: NodeJS.ProcessEnv; config?: string; flags?: GivenFlags; stored?: object } = {},
) {
  const context: CliContext = { cwd, env, signal: new AbortController().signal, out: async () => {}, note() {}, terminalColumns: () => null }
  return readSettings(context, { file: readConfigFile(context, config), ...more })
}

test('each setting comes from the first that has it: flag, environment, file, what is stored, default', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  const at = (...names: string[]) => path.join(cwd, ...names)
  const usual = { XDG_CONFIG_HOME: at('etc'), XDG_DATA_HOME: at('share') }
  const bare = settingsOf(cwd, { env: usual })
  expect(Object.keys(bare)).toEqual(settingNames)
  expect(bare.port).toEqual({ value: 9876, source: 'default' })
  expect(bare.data_dir).toEqual({ value: at('share', 'bastion'), source: 'default' })

  const stored = { runs_per_node: 5 }
  expect(settingsOf(cwd, { env: usual, stored }).runs_per_node).toEqual({ value: 5, source: 'stored' })

  const file = at('etc', 'bastion', 'config.json')
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(
    file,
    JSON.stringify({ port: 1000, runs_per_node: 4, tls_cert: 'tls/cert.pem', snapshot_roots: ['/srv', 'here'], insecure_http: true }),
  )
  expect(settingsOf(cwd, { env: usual, stored })).toMatchObject({
    port: { value: 1000, source: 'file', from: file },
    runs_per_node: { value: 4, source: 'file' },
    tls_cert: { value: path.join(path.dirname(file), 'tls/cert.pem') },
    snapshot_roots: { value: ['/srv', path.join(path.dirname(file), 'here')] },
    insecure_http: { value: true },
  })
  const env = {
    ...usual,
    BASTION_PORT: '2000',
    BASTION_RUNS_PER_NODE: '3',
    BASTION_SNAPSHOT_ROOTS: 'a:/b',
    BASTION_INSECURE_HTTP: 'false',
    BASTION_ALLOWED_HOOKS: '[["/bin/true"]]',
    BASTION_HOST: '',
    BASTION_SNAPSHOT_PROVIDERS: '',
  }
  expect(settingsOf(cwd, { env, stored })).toMatchObject({
    port: { value: 2000, source: 'environment', from: 'BASTION_PORT' },
    runs_per_node: { value: 3 },
    snapshot_roots: { value: [at('a'), '/b'] },
    insecure_http: { value: false },
    allowed_hooks: { value: [['/bin/true']] },
    // Empty: it says nothing. An empty list is one.
    host: { value: '127.0.0.1', source: 'default' },
    snapshot_providers: { value: [], source: 'environment' },
  })
  const flags = {
    port: '3000',
    runs_per_node: '2',
    snapshot_roots: ['/c', 'd'],
    allowed_hooks: ['["/bin/true","x"]', '/bin/false'],
    insecure_http: true,
  }
  expect(settingsOf(cwd, { env, flags, stored })).toMatchObject({
    port: { value: 3000, source: 'flag', from: '--port' },
    runs_per_node: { value: 2, source: 'flag' },
    snapshot_roots: { value: ['/c', at('d')] },
    allowed_hooks: { value: [['/bin/true', 'x'], ['/bin/false']] },
    insecure_http: { value: true },
  })
})

test('bastion config shows what flags, environment and the database of a Hub say, and no secret', async () => {
  await using folder = await cliFolder()
  {
    await using hub = await startHubServer({ dataDir: folder.at('data') })
    const { client } = await signIn(hub)
    await client.settings.replace({ body: { ...(await client.settings.get()), runs_per_node: 5 } })
  }
  const env = { BASTION_METRICS_TOKEN: 'hidden' }
  const { stdout } = await folder.ok(['config', '--snapshot-root', '/c', '--snapshot-root', 'd'], { env })
  expect(stdout).toMatch(/^runs_per_node {2}5 {2}stored$/m)
  expect(stdout).toMatch(/^metrics_token {2}\*\*\* {2}environment \(BASTION_METRICS_TOKEN\)$/m)
  expect(stdout).not.toContain('hidden')
  const lines = jsonLines((await folder.ok(['config', '--snapshot-root', '/c', '--snapshot-root', 'd', '--json'], { env })).stdout)
  expect(lines.map(({ name }) => name)).toEqual(settingNames)
  expect(lines).toContainEqual({ name: 'snapshot_roots', value: ['/c', folder.at('d')], source: 'flag', from: '--snapshot-root' })
  expect(lines).toContainEqual({ name: 'data_dir', value: folder.at('data'), source: 'environment', from: 'BASTION_DATA_DIR' })
  expect(JSON.stringify(lines)).not.toContain('hidden')
})

test('a Hub goes by its configuration file, and what that decides cannot be changed on its pages', async () => {
  await using folder = await cliFolder()
  await writeFile(folder.at('hub.json'), JSON.stringify({ runs_per_node: 1, data_dir: 'place', host: '127.0.0.2' }))
  await using hub = await startHubServer({ dataDir: folder.at('place'), args: ['--config', folder.at('hub.json'), '--run-history-days', '30'] })
  expect(hub.url).toContain('127.0.0.2')
  const { client } = await signIn(hub)
  const settings = await client.settings.get()
  expect(settings).toMatchObject({ runs_per_node: 1, run_history_days: 30 })
  await expect(client.settings.replace({ body: { ...settings, runs_per_node: 2 } })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('hub.json'),
  })
  await expect(client.settings.replace({ body: { ...settings, run_history_days: 90 } })).rejects.toMatchObject({
    message: expect.stringContaining('--run-history-days'),
  })
  expect(await client.settings.replace({ body: { ...settings, incomplete_after_days: 9 } })).toMatchObject({
    runs_per_node: 1,
    incomplete_after_days: 9,
  })
  using database = new DatabaseSync(folder.at('place', 'bastion.db'), { readOnly: true })
  const { value } = database.prepare("select value from settings where name = 'runtime'").get() as { value: string }
  // As it was kept, for the day the file says nothing of it.
  expect(JSON.parse(value)).toMatchObject({ runs_per_node: 2, run_history_days: 180, incomplete_after_days: 9 })
})

test('commands without a Hub find their data where the file says, relative to it', async () => {
  await using folder = await cliFolder()
  await mkdir(folder.at('etc'))
  await writeFile(folder.at('etc/config.json'), JSON.stringify({ data_dir: '../elsewhere' }))
  const end = await folder.run(['keypack', 'export', 'x.json'], { env: { BASTION_CONFIG: 'etc/config.json', BASTION_DATA_DIR: '' } })
  expect(end.stderr).toContain(`no Hub has its data in ${folder.at('elsewhere')}`)
  await writeFile(folder.at('etc/config.json'), '{"prot": 1}')
  const refused = await folder.run(['hub', '--config', 'etc/config.json'])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('has what is no setting: prot')])
})

test.each([
  ['{"prot": 1}', 'has what is no setting: prot'],
  ['{"port": "high"}', 'port in '],
  ['{"snapshot_roots": "/srv"}', 'snapshot_roots in '],
  ['{"runs_per_node": 0}', 'runs_per_node in '],
  ['[1]', 'is no JSON object'],
  ['{"metrics_token": "secret word', 'is no JSON'],
  [null, 'cannot be read (ENOENT)'],
])('a configuration file that cannot be meant is refused, and nothing it says is repeated: %s', async (text, message) => {
  await using folder = await temporaryFolder()
  if (text !== null) await writeFile(path.join(folder.path, 'config.json'), text)
  const read = () => settingsOf(folder.path, { config: 'config.json' })
  expect(read).toThrow(expect.objectContaining({ code: 'invalid_spec', message: expect.stringContaining(message) }))
  expect(read).not.toThrow('secret word')
})

test('no setting shares its flag or variable with another, and none that is secret has a flag', () => {
  const all = settingNames.map(describeSetting)
  expect(new Set(all.map(({ env }) => env)).size).toBe(all.length)
  const flags = all.flatMap(({ flag }) => flag ?? [])
  expect(new Set(flags).size).toBe(flags.length)
  expect(all.filter(({ isSecret, flag }) => isSecret === true && flag !== undefined)).toEqual([])
})

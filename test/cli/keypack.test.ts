import { spawn } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { bastionProgram } from '../support/bastion-program.ts'
import { artifactOf, jsonLines } from '../support/bastion-process.ts'
import { cliFolder } from '../support/cli-folder.ts'
import { signIn, startHubServer } from '../support/hub-server.ts'
import { fillVault, openAll, openVault } from '../support/key-case.ts'

const passphrase = 'eleven tin soldiers'
const env = { BASTION_PASSPHRASE: passphrase }

test('keys go from one data directory to another in a file, a Hub that runs is not disturbed, and its backups open with the file alone', async () => {
  await using folder = await cliFolder()
  const data = folder.at('data')
  await using hub = await startHubServer({ dataDir: data })
  const { client } = await signIn(hub)
  const { recipient } = await client.ageKeys.create({ body: { name: 'default' } })
  folder.tree('src').file('a.txt', 'a').finish()

  const end = await folder.ok(['keypack', 'export', 'keys.json'], { env })
  expect(end.stdout).toContain('the age keys default')
  expect((await stat(folder.at('keys.json'))).mode & 0o777).toBe(0o600)
  expect((await client.ageKeys.list()).items[0]!.exported_at).not.toBeNull()
  const again = await folder.run(['keypack', 'export', 'keys.json'], { env })
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is there already')])
  expect((await folder.run(['keypack', 'rotate'])).stderr).toContain('another Hub runs on')
  expect((await folder.run(['keypack', 'import', 'keys.json'], { env })).stderr).toContain('another Hub runs on')

  const identities = await folder.ok(['keypack', 'identities', 'keys.json'], { env })
  expect(identities.stdout).toContain(recipient)
  await writeFile(folder.at('identity.txt'), identities.stdout)
  const backup = await folder.ok(['backup', 'src', '--to', 'backups', '--encrypt-to', recipient, '--json', '--snapshot', 'off'])
  await folder.ok(['restore', `backups/${artifactOf(backup)}`, '--to', 'out', '--identity', 'identity.txt'])
  expect(await readFile(path.join(folder.at('out'), folder.at('src'), 'a.txt'), 'utf8')).toBe('a')

  // A Hub of its own takes the keys over while it runs.
  await using other = await startHubServer({ dataDir: folder.at('other') })
  const there = await signIn(other)
  await there.client.ageKeys.create({ body: { name: 'default' } })
  const into = ['--data-dir', 'other']
  expect((await folder.ok(['keypack', 'import', 'keys.json', '--age-keys-only', ...into], { env })).stdout).toBe(
    `default-2  ${recipient}  added; default is another key here\n`,
  )
  expect((await there.client.ageKeys.list()).items.find(({ name }) => name === 'default-2')).toMatchObject({ recipient })

  const fresh = JSON.parse((await folder.ok(['keypack', 'import', 'keys.json', '--data-dir', 'fresh', '--json'], { env })).stdout) as object
  expect(fresh).toMatchObject({ master_key: { result: 'written' }, age_keys: [{ name: 'default', result: 'added' }] })
  await using started = await startHubServer({ dataDir: folder.at('fresh') })
  expect((await (await signIn(started)).client.ageKeys.list()).items).toMatchObject([{ name: 'default', recipient }])
})

test('a wrong passphrase, a short one and a file that is no keypack make nothing', async () => {
  await using folder = await cliFolder()
  const fails = async (args: string[], more = env) => {
    const { code, stderr } = await folder.run(['keypack', ...args], { env: more })
    expect(code).toBe(2)
    return stderr
  }
  await writeFile(folder.at('odd.json'), '{}')
  expect(await fails(['import', 'odd.json'])).toContain('this is no keypack')
  expect(await fails(['import', 'absent.json'])).toContain('cannot be read (ENOENT)')
  expect((await folder.run(['keypack', 'export', 'keys.json'], { env })).stderr).toContain('no Hub has its data in')
  await expect(stat(folder.at('data'))).rejects.toThrow('ENOENT')
  await folder.ok(['keypack', 'import', await madeKeypack(), '--data-dir', 'copy'], { env })
  expect(await fails(['import', 'keys.json', '--data-dir', 'none'], { BASTION_PASSPHRASE: 'another one' })).toContain('does not open')
  await expect(stat(folder.at('none'))).rejects.toThrow('ENOENT')
  expect(await fails(['export', 'short.json', '--data-dir', 'made'], { BASTION_PASSPHRASE: 'short' })).toContain('at least 12 characters')
  await expect(stat(folder.at('short.json'))).rejects.toThrow('ENOENT')
  expect((await folder.run(['keypack', 'identities', 'keys.json'])).stderr).toContain('BASTION_PASSPHRASE')

  async function madeKeypack() {
    await fillAt(folder.at('made'))
    await writeFile(folder.at('phrase'), `${passphrase}\nanother line\n`)
    await folder.ok(['keypack', 'export', 'keys.json', '--data-dir', 'made', '--passphrase-file', 'phrase'])
    return 'keys.json'
  }
})

test('a rotation says what it sealed, everything opens after it, and a keypack from before opens backups but is no key of the Hub', async () => {
  await using folder = await cliFolder()
  await fillAt(folder.at('data'))
  await folder.ok(['keypack', 'export', 'before.json'], { env })
  expect(jsonLines((await folder.ok(['keypack', 'rotate', '--json'])).stdout)).toEqual([{ secrets: 2, age_keys: 1 }])
  {
    await using hub = await openVault(folder.at('data'))
    expect((await folder.ok(['keypack', 'identities', 'before.json'], { env })).stdout).toContain((await openAll(hub))['default'])
  }
  const end = await folder.run(['keypack', 'import', 'before.json', '--replace'], { env })
  expect([end.code, end.stderr]).toEqual([1, expect.stringContaining('sealed with another master key')])
})

test('on a terminal the passphrase is asked for twice and not shown', async () => {
  await using folder = await cliFolder()
  await fillAt(folder.at('data'))
  const answer = async (...lines: string[]) => {
    const command = `${process.execPath} ${bastionProgram} keypack export keys.json`
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: folder.path,
      env: { PATH: process.env['PATH'], BASTION_DATA_DIR: folder.at('data') },
    })
    let said = ''
    let asked = 0
    terminal.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const questions = said.match(/Passphrase of the keypack: |Once more: /g)?.length ?? 0
      if (questions > asked) terminal.stdin.write(`${lines[asked++]!}\r`)
    })
    const code = await new Promise((resolve) => terminal.once('close', resolve))
    return { code, said }
  }
  const slip = await answer(passphrase, `${passphrase}s`)
  expect(slip.said).toContain('the two passphrases are not the same')
  await expect(stat(folder.at('keys.json'))).rejects.toThrow('ENOENT')
  const { said } = await answer(passphrase, passphrase)
  expect(said).toContain('holds the master key')
  expect(said).not.toContain(passphrase)
  await folder.ok(['keypack', 'identities', 'keys.json'], { env })
})

async function fillAt(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  await fillVault(directory, ['default'])
}

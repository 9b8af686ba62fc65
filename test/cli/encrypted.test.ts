import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow, jsonOf } from '../support/cli-folder.ts'

const [mine, second, wrong] = [generateAgeKeyPair(), generateAgeKeyPair(), generateAgeKeyPair()]
let folder: CliFolder
let artifact = ''
beforeAll(async () => {
  folder = await cliFolder()
  folder.tree('src').file('secret-name.txt', 'secret content').finish()
  artifact = await folder.backup(['src'], { args: ['--encrypt-to', mine.recipient, '--encrypt-to', second.recipient] })
  writeFileSync(folder.at('mine.txt'), `# made by a test\n${mine.identity}\n`)
  writeFileSync(folder.at('second.txt'), `${second.identity}\n`)
  writeFileSync(folder.at('wrong.txt'), `${wrong.identity}\n`)
  writeFileSync(folder.at('no-key.txt'), 'AGE-SECRET-KEY-1NONSENSE\n')
})
afterAll(() => folder[Symbol.asyncDispose]())

const secretPath = () => `${folder.path}/src/secret-name.txt`

describe('an encrypted artifact', () => {
  test.each(['mine.txt', 'second.txt'])('is read with each identity it was made for: %s', async (file) => {
    expect((await folder.ok(['cat', artifact, secretPath(), '--identity', file])).stdout).toBe('secret content')
    expect(jsonOf(await folder.ok(['verify', artifact, '--identity', file, '--json']))).toMatchObject({ ok: true })
  })

  test('is read with the identity in BASTION_IDENTITY: a file, or itself', async () => {
    for (const given of ['mine.txt', mine.identity]) {
      const { stdout } = await folder.ok(['cat', artifact, secretPath()], { env: { BASTION_IDENTITY: given } })
      expect(stdout).toBe('secret content')
    }
  })

  test('is restored and searched with it', async () => {
    await folder.ok(['restore', artifact, '--to', 'out', '--identity', 'mine.txt'])
    expect(folder.text('out', folder.path, 'src', 'secret-name.txt')).toBe('secret content')
    expect((await folder.ok(['find', 'backups', 'secret*', '--identity', 'mine.txt'])).stdout).toContain('secret-name.txt')
  })

  test.each([
    ['ls', []],
    ['verify', []],
    ['restore', ['--to', 'refused']],
  ])('is not opened by %s without an identity or with the wrong one', async (command, args) => {
    for (const identity of [[], ['--identity', 'wrong.txt']]) {
      const end = await folder.run([command, artifact, ...args, ...identity, '--json'])
      expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error: 'encryption_key_missing' })
      expect(end.stderr).toContain('--identity')
    }
    expect(await filesBelow(folder.at('refused'))).toEqual([])
  })

  test('is not searched without it, which the exit code says', async () => {
    const end = await folder.run(['find', 'backups', '*'])
    expect(end).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('was not searched') as unknown })
    const history = await folder.run(['history', 'backups', '/srv/secret-name.txt', '--json'])
    expect(history).toMatchObject({ code: 3, stderr: expect.stringContaining('was not searched') as unknown })
    expect(jsonOf(history)).toMatchObject({ state: 'unreadable', error: { code: 'encryption_key_missing' } })
  })

  test('is listed and its chain verified without it', async () => {
    expect((await folder.ok(['list', 'backups'])).stdout).toMatch(/, encrypted\n$/)
    expect(jsonOf(await folder.ok(['verify', artifact, '--level', 'chain', '--json']))).toMatchObject({ ok: true })
  })

  test('shows no name of the source in anything that is stored', async () => {
    for (const name of await filesBelow(folder.at(artifact))) {
      const bytes = await readFile(folder.at(artifact, name), 'latin1')
      expect({ name, has: bytes.includes('secret') || bytes.includes(folder.path) }).toEqual({ name, has: false })
    }
  })

  test('a file that holds no identity is refused as such, without repeating it', async () => {
    const { code, stderr } = await folder.run(['ls', artifact, '--identity', 'no-key.txt'])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('line 1') as unknown })
    expect(stderr).not.toContain('NONSENSE')
  })
})

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow } from '../support/cli-folder.ts'

let folder: CliFolder
beforeAll(async () => {
  folder = await cliFolder()
  folder.tree('src').file('a.txt', 'a').finish()
})
afterAll(() => folder[Symbol.asyncDispose]())

const commands = [
  'hub',
  'login',
  'logout',
  'job',
  'run',
  'backup',
  'restore',
  'verify',
  'list',
  'ls',
  'cat',
  'find',
  'history',
  'diff',
  'snapshot',
  'leases',
  'doctor',
]

describe('help', () => {
  test.each([[['--help']], [['help']]])('of the program names every command and is no failure: %j', async (args) => {
    const { code, stdout, stderr } = await folder.run(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  test('of a command names its options, both ways to ask give the same', async () => {
    const [asked, told] = [await folder.ok(['help', 'backup']), await folder.ok(['backup', '--help'])]
    expect(asked.stdout).toBe(told.stdout)
    for (const option of ['--to <target>', '--encrypt-to <recipient>', '--exclude <pattern>', '--json']) expect(asked.stdout).toContain(option)
  })

  test('has the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect((await folder.ok(['--version'])).stdout).toBe(`${version}\n`)
  })
})

describe('a command line that cannot be meant is refused with 2, and nothing is done', () => {
  test.each([
    [['frobnicate'], 'unknown command'],
    [['backup', 'src', '--to', 'refused', '--frobnicate'], "unknown option '--frobnicate'"],
    [['backup', 'src'], "required option '--to <target>'"],
    [['backup', '--to', 'refused'], "missing required argument 'source'"],
    [['ls'], "missing required argument 'artifact'"],
    [['cat', 'refused/a/b', 'c', 'd'], 'too many arguments'],
    [['backup', 'src', '--to', 'refused', '--level', 'high'], 'level'],
    [['backup', 'src', '--to', 'refused', '--level', '40'], 'level'],
    [['backup', 'src', '--to', 'refused', '--part-size', '0'], 'part_size_bytes'],
    [['backup', 'src', '--to', 'refused', '--limit', '-1'], 'bandwidth_limit'],
    [['backup', 'src', '--to', 'refused', '--symlinks', 'maybe'], 'symlink_policy'],
    [['backup', 'src', '--to', 'refused', '--job-id', 'Not A Job'], 'a job id is'],
    [['backup', 'src', '--to', 'refused', '--encrypt-to', 'age1nonsense'], 'age recipient'],
    [['backup', 'src', '--to', 'refused', '--format', 'zip'], 'format'],
    [['backup', 'src', '--to', 'refused', '--hardlinks', 'maybe'], 'hardlink_policy'],
    [
      ['backup', 'src', '--to', 'refused', '--format', 'raw_tree_v1', '--encrypt-to', `age1${'q'.repeat(58)}`],
      'raw_tree_v1 keeps files as they are and cannot encrypt',
    ],
    [['backup', 'src', '--to', 'refused', '--exclude', '[a'], 'exclude pattern "[a"'],
    [['backup', 'src', '--to', ''], 'No target is given'],
    [['backup', 'src', '--to', 'host:folder'], 'is not a folder'],
    [['backup', 'src', '--to', 'refused', '--data-dir', '/dev/null/data'], 'the data directory cannot be used'],
    [['verify', 'refused/a@latest', '--level', 'somewhat'], '--level is one of chain, sample, full'],
    [['verify', 'refused/a@latest', '--sample', '0'], '--sample is'],
    [['restore', 'refused/a@latest', '--to', 'out', '--conflict', 'merge'], '--conflict is one of'],
    [['list', 'refused', '--job', '../elsewhere'], 'is no job id'],
    [['ls', 'no-artifact-name'], '"no-artifact-name" names no artifact'],
    [['ls', 'refused@latest', '--identity', 'absent.txt'], 'cannot be read (ENOENT)'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await folder.run(args)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    for (const target of ['refused', 'host:folder']) expect(['', 'bastion-target.json']).toContain((await filesBelow(folder.at(target))).join())
  })

  test('a recipient with a wrong letter is found out before a job has an artifact', async () => {
    const recipient = `age1${'q'.repeat(58)}`
    const end = await folder.run(['backup', 'src', '--to', 'wrong-letter', '--json', '--encrypt-to', recipient])
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 2, error: 'invalid_spec' })
    expect((await folder.ok(['list', 'wrong-letter'])).stdout).toBe('')
  })
})

describe('what cannot be done fails with 1, a code, a sentence and a next step', () => {
  test.each([
    ['source_not_found', ['backup', 'absent', '--to', 'other']],
    ['snapshot_unavailable', ['backup', 'src', '--to', 'other', '--snapshot', 'required']],
    ['artifact_not_found', ['verify', 'other/job@latest']],
    ['artifact_not_found', ['verify', 'other/job/01a1fc9b-699a-778a-a87e-dcc0accd2c74']],
    ['artifact_not_found', ['list', 'absent']],
    ['artifact_not_found', ['find', 'absent', '*']],
  ])('%s: %j', async (error, args) => {
    const end = await folder.run([...args, '--json'])
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error })
    expect(end.stderr).toMatch(/^bastion: .+\n.+\n$/)
    const value = JSON.parse(end.stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
    expect(value).toMatchObject({ kind: 'error', message: expect.any(String) as unknown, hint: expect.any(String) as unknown })
  })
})

import { mkdirSync, renameSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder } from '../support/cli-folder.ts'

let folder: CliFolder
let first = ''
let latest = ''
beforeAll(async () => {
  folder = await cliFolder()
  mkdirSync(folder.at('elsewhere'))
  folder.tree('src').file('who.txt', 'first').finish()
  first = await folder.backup(['src'], { job: 'docs' })
  folder.tree('src').file('who.txt', 'latest').finish()
  latest = await folder.backup(['src'], { job: 'docs' })
  folder.tree('src').file('who.txt', 'of another job').finish()
  await folder.backup(['src'], { target: 'two-jobs', job: 'docs' })
  await folder.backup(['src'], { target: 'two-jobs', job: 'mail' })
})
afterAll(() => folder[Symbol.asyncDispose]())

const who = async (artifact: string, cwd = folder.path) => (await folder.ok(['cat', artifact, `${folder.path}/src/who.txt`], { cwd })).stdout

describe('an artifact is named', () => {
  test('TARGET/JOB/RUN, as backup printed it', async () => {
    expect(await who(first)).toBe('first')
    expect(await who(`${folder.path}/${first}/`)).toBe('first')
  })

  test.each(['backups/docs@latest', './backups/docs@latest', 'backups/docs/@latest'])('by the latest of a job: %s', async (name) => {
    expect(await who(name)).toBe('latest')
  })

  test.each(['backups@latest', './backups@latest', 'backups/@latest'])('by the latest of a target with one job: %s', async (name) => {
    expect(await who(name)).toBe('latest')
  })

  test('absolute, and as a URL', async () => {
    for (const target of [folder.at('backups'), `file://${folder.at('backups')}`]) {
      expect(await who(`${target}@latest`)).toBe('latest')
      expect(await who(`${target}/docs@latest`)).toBe('latest')
    }
  })

  test('JOB/RUN and JOB@latest where one stands in the target', async () => {
    expect(await who(first.replace('backups/', ''), folder.at('backups'))).toBe('first')
    expect(await who('docs@latest', folder.at('backups'))).toBe('latest')
  })

  test('a target with several jobs wants to know which', async () => {
    const end = await folder.run(['ls', 'two-jobs@latest', '--json'])
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 2, error: 'invalid_spec' })
    expect(end.stderr).toContain('docs, mail')
    expect(await who('two-jobs/mail@latest')).toBe('of another job')
  })
})

describe('a relative path is meant from the folder of the caller', () => {
  test('where npm was called, not where it runs its script', async () => {
    const env = { INIT_CWD: folder.path }
    const cwd = folder.at('elsewhere')
    const { stdout } = await folder.ok(['cat', 'backups@latest', `${folder.path}/src/who.txt`], { cwd, env })
    expect(stdout).toBe('latest')
    await folder.ok(['backup', 'src', '--to', './from-npm', '--job-id', 'docs'], { cwd, env })
    await folder.ok(['restore', 'from-npm@latest', '--to', 'restored'], { cwd, env })
    expect(folder.text('restored', folder.path, 'src', 'who.txt')).toBe('of another job')
  })

  test('and without npm from where it runs', async () => {
    expect(await who('../backups@latest', folder.at('elsewhere'))).toBe('latest')
  })

  test('one source under two names is one job', async () => {
    const jobOf = async (source: string, cwd: string) => {
      const { stdout } = await folder.ok(['backup', source, '--to', folder.at('job-ids'), '--snapshot', 'off'], { cwd })
      return stdout.split('/').at(-2)
    }
    const job = await jobOf('src', folder.path)
    expect(job).toMatch(/^cli-[0-9a-f]{16}$/)
    expect(await jobOf('../src/.', folder.at('elsewhere'))).toBe(job)
  })
})

test('list shows the artifacts of a target, oldest first, and those of one job when asked', async () => {
  const { stdout } = await folder.ok(['list', 'backups'])
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map((line) => `backups/${line.replace(/ .*/, '')}`)).toEqual([first, latest])
  expect(lines[0]).toMatch(/ {2}1 files, 5 B, .* stored, stable$/)
  expect((await folder.ok(['list', 'two-jobs', '--job', 'mail'])).stdout.trimEnd().split('\n')).toHaveLength(1)
})

test('a target of which another was known is not written to, until told that it is meant', async () => {
  await folder.backup(['src'], { target: 'disk' })
  mkdirSync(folder.at('disk-of-before'))
  renameSync(folder.at('disk'), folder.at('disk-of-before', 'disk'))
  const end = await folder.run(['backup', 'src', '--to', 'disk', '--json'])
  expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error: 'target_identity' })
  await folder.backup(['src'], { target: 'disk', args: ['--new-target'] })
})

import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../../src/lib/run-command.ts'
import { findProgram } from '../../src/lib/find-program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('every argument reaches the program as it is', async () => {
  const odd = [`$(touch pwned);'"\n`, '*', '', '-n', 'a b', 'ü']
  const { stdout, code } = await runCommand({ file: '/usr/bin/printf', args: ['%s|', ...odd], timeoutMs: 10_000 })
  expect({ code, text: Buffer.from(stdout, 'latin1').toString('utf8') }).toEqual({ code: 0, text: odd.map((each) => `${each}|`).join('') })
  expect(existsSync('/pwned')).toBe(false)
})

test('the program gets a small environment and speaks C', async () => {
  process.env['BASTION_SECRET_OF_A_TEST'] = 'x'
  const { stdout } = await runCommand({ file: '/usr/bin/env', args: [], timeoutMs: 10_000, env: { MORE: '1' } })
  delete process.env['BASTION_SECRET_OF_A_TEST']
  const names = stdout.split('\n').flatMap((line) => (line === '' ? [] : line.split('=')[0]!))
  expect(new Set(names)).toEqual(new Set(['LC_ALL', 'PATH', 'MORE']))
})

test('a failure is an answer, a program that is not there an error', async () => {
  expect(await runCommand({ file: '/bin/sh', args: ['-c', 'echo no >&2; exit 7'], timeoutMs: 10_000 })).toMatchObject({
    code: 7,
    stderr: 'no\n',
    timedOut: false,
  })
  await expect(runCommand({ file: '/nowhere/program', args: [], timeoutMs: 10_000 })).rejects.toThrow('ENOENT')
})

test('a program that does not end is ended', async () => {
  expect(await runCommand({ file: '/bin/sleep', args: ['1000'], timeoutMs: 50 })).toMatchObject({ code: null, timedOut: true })
})

test('what it prints beyond the bound is dropped, and it ends', async () => {
  const { stdout, code } = await runCommand({ file: '/usr/bin/head', args: ['-c', '20000000', '/dev/zero'], timeoutMs: 60_000 })
  expect([code, stdout.length]).toEqual([0, 4 * 1024 * 1024])
})

test('open files are inherited in their order', async () => {
  await using folder = await temporaryFolder()
  const fds = ['one', 'two'].map((text) => {
    writeFileSync(path.join(folder.path, text), text)
    return openSync(path.join(folder.path, text), 'r')
  })
  const { stdout } = await runCommand({ file: '/bin/cat', args: ['/proc/self/fd/4', '/proc/self/fd/3'], timeoutMs: 10_000, fds })
  for (const fd of fds) closeSync(fd)
  expect(stdout).toBe('twoone')
})

test('a program is found in the folders of PATH, then where administrators have theirs, and never in a relative one', async () => {
  await using folder = await temporaryFolder()
  writeFileSync(path.join(folder.path, 'tool'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(path.join(folder.path, 'no-program'), '', { mode: 0o644 })
  expect(findProgram('tool', `relative:${folder.path}`)).toBe(path.join(folder.path, 'tool'))
  expect(findProgram('no-program', folder.path)).toBeNull()
  expect(findProgram('tool', path.relative(process.cwd(), folder.path))).toBeNull()
  expect(findProgram('mount', '/nowhere') ?? '/usr/sbin/none').toMatch(/^\/(?:usr\/)?(?:local\/)?sbin\//)
})

import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf, jsonLines, startBastion } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow } from '../support/cli-folder.ts'

let folder: CliFolder
beforeAll(async () => {
  folder = await cliFolder()
  folder.tree('src').file('a.txt', 'a').finish()
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('a file that may have changed while it was read', () => {
  /** The file's time lies ahead, so that nobody can tell a write from no write: it counts as changed, without a writer to race with. */
  const backup = (...args: string[]) => {
    folder
      .tree('changing')
      .file('log', 'x', { mtimeNs: BigInt(Date.now() + 50_000) * 1_000_000n })
      .finish()
    return folder.run(['backup', 'changing', '--to', 'changing-backups', '--job-id', 'changing', '--snapshot', 'off', '--json', ...args])
  }

  test('is stored and ends with 3', async () => {
    const end = await backup()
    expect(end.code).toBe(3)
    expect(jsonLines(end.stdout).at(-1)).toMatchObject({ kind: 'result', status: 'warning', grade: 'changed' })
  })

  test('is no warning when it is to be ignored; the grade stays', async () => {
    const end = await backup('--consistency', 'ignore')
    expect(end.code).toBe(0)
    expect(jsonLines(end.stdout).at(-1)).toMatchObject({ kind: 'result', status: 'success', grade: 'changed' })
  })

  test('fails the run where that was asked for, and nothing of it is left', async () => {
    const before = await filesBelow(folder.at('changing-backups'))
    const end = await backup('--consistency', 'fail')
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error: 'source_consistency' })
    expect(await filesBelow(folder.at('changing-backups'))).toEqual(before)
    expect((await backup('--consistency', 'fail', '--consistency-threshold', '1')).code).toBe(0)
  })
})

describe('Ctrl-C', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends a backup with 130, and nothing of it is left: %s', async (signal) => {
    folder
      .tree(`large-${signal}`)
      .file('bytes', 12 * 1024 * 1024)
      .finish()
    const target = `stopped-${signal}`
    const running = startBastion(['backup', `large-${signal}`, '--to', target, '--job-id', 'stopped', '--limit', '1', '--json'], {
      cwd: folder.path,
      env: { BASTION_DATA_DIR: folder.at('data') },
    })
    const isPacking = () => existsSync(folder.at(target, 'stopped')) && readdirSync(folder.at(target, 'stopped'), { recursive: true }).length > 2
    while (!isPacking() && !running.hasEnded) await sleep(5)
    running.signal(signal)
    const end = await running.ended
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 130, error: 'canceled' })
    expect(end.stderr).toContain(`interrupted by ${signal}`)
    expect(await filesBelow(folder.at(target))).toEqual(['bastion-target.json'])
    expect(readdirSync(folder.at('data', 'runs'))).toEqual([])
  })
})

describe('a reader that has seen enough', () => {
  /** `bastion ARGS…` whose stdout is closed at once. */
  async function unread(args: readonly string[]): Promise<number | null> {
    const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
    const { INIT_CWD: _, ...env } = process.env
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder.path,
      env: { ...env, BASTION_DATA_DIR: folder.at('data') },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child.stdout.destroy()
    return await new Promise((resolve) => child.on('close', resolve))
  }

  test('is no failure of what only looks', async () => {
    const artifact = await folder.backup(['src'], { target: 'unread' })
    for (const args of [
      ['list', 'unread'],
      ['ls', '-r', artifact],
      ['find', 'unread', '*'],
    ]) {
      expect(await unread(args)).toBe(0)
    }
  })

  test('does not end a backup before its end', async () => {
    const before = (await folder.ok(['list', 'unread'])).stdout.split('\n').length
    expect(await unread(['backup', 'src', '--to', 'unread', '--job-id', 'docs', '--json'])).toBe(0)
    expect((await folder.ok(['list', 'unread'])).stdout.split('\n')).toHaveLength(before + 1)
    expect(await unread(['backup', 'absent', '--to', 'unread', '--json'])).toBe(1)
  })
})

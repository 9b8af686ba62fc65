import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type Hooks, hooksSchema } from '../../src/core/hooks.ts'
import type { AllowedHooks } from '../../src/engine/hooks/source-hooks.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { type BackupRun, objectsOf, restoreRun, runBackup } from '../support/engine.ts'
import { soon } from '../support/node-case.ts'
import { eventsOf } from '../support/snapshot-case.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** An application that is stopped and started: its state stands in its data. */
async function application(): Promise<
  AsyncDisposable & { folder: string; data: string; log(): string[]; script(name: string, body: string): string; said(text: string): string }
> {
  const folder = await temporaryFolder()
  const data = path.join(folder.path, 'data')
  writeFileSync(data, 'running')
  const log = path.join(folder.path, 'log')
  return {
    folder: folder.path,
    data,
    log: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    script(name, body) {
      const file = path.join(folder.path, name)
      writeFileSync(file, `#!/bin/sh\n${body}\n`)
      chmodSync(file, 0o755)
      return file
    },
    said: (text) => `echo "${text}" >> ${log}`,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

function backUp(
  sources: string[],
  hooks: { before?: object; after?: object },
  options: { allowed?: AllowedHooks; target?: Target; signal?: AbortSignal } = {},
): Promise<BackupRun> {
  return runBackup({
    target: options.target ?? createMemoryTarget(),
    sources,
    spec: { hooks: hooksSchema.parse(hooks) satisfies Hooks },
    allowedHooks: options.allowed ?? 'any',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
}

test('what is read is as the hook before left it, and the hook after has run', async () => {
  await using app = await application()
  const before = app.script('stop', `echo stopped > ${app.data}; ${app.said('$BASTION_HOOK $BASTION_JOB_ID $1')}`)
  const after = app.script('start', `echo running > ${app.data}; ${app.said('$BASTION_HOOK')}`)
  const run = await backUp([app.data], { before: { command: [before, 'a b; $c'] }, after: { command: [after] } })
  expect(app.log()).toEqual(['before test-job a b; $c', 'after'])
  await using restored = await temporaryFolder()
  await restoreRun(run, restored.path)
  expect(readFileSync(path.join(restored.path, app.data), 'utf8')).toBe('stopped\n')
  expect(readFileSync(app.data, 'utf8')).toBe('running\n')
  expect(run.outcome.status).toBe('success')
  expect(eventsOf(run.events, 'hook')).toMatchObject([
    { when: 'before', command: [before, 'a b; $c'], code: 0 },
    { when: 'after', code: 0 },
  ])
})

test('a failed hook before ends the run before anything is stored, and the hook after runs all the same', async () => {
  await using app = await application()
  const before = app.script('stop', 'echo it does not want to; exit 3')
  const after = app.script('start', app.said('after'))
  const target = createMemoryTarget()
  await expect(backUp([app.data], { before: { command: [before] }, after: { command: [after] } }, { target })).rejects.toMatchObject({
    code: 'hook_failed',
    details: { output: 'it does not want to\n' },
  })
  expect(app.log()).toEqual(['after'])
  expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
})

test('one that may only warn makes the run a warning; one that may not removes what was stored', async () => {
  await using app = await application()
  const fails = app.script('fails', 'exit 1')
  expect((await backUp([app.data], { before: { command: [fails], on_failure: 'warn' } })).outcome.status).toBe('warning')
  expect((await backUp([app.data], { after: { command: [fails] } })).outcome.status).toBe('warning')
  const target = createMemoryTarget()
  await expect(backUp([app.data], { after: { command: [fails], on_failure: 'fail' } }, { target })).rejects.toMatchObject({ code: 'hook_failed' })
  expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
})

test('a program that is not there has failed', async () => {
  await using app = await application()
  await expect(backUp([app.data], { before: { command: ['/nowhere/stop'] } })).rejects.toMatchObject({ code: 'hook_failed' })
})

test('the hook after runs when the source cannot be read, and what failed is told, not that the hook did too', async () => {
  await using app = await application()
  const after = app.script('start', `${app.said('after')}; exit 1`)
  await expect(backUp([`${app.data}-gone`], { after: { command: [after], on_failure: 'fail' } })).rejects.toMatchObject({ code: 'source_not_found' })
  expect(app.log()).toEqual(['after'])
})

test('a hook whose time is up is ended with all that it started', async () => {
  await using app = await application()
  const pid = path.join(app.folder, 'pid')
  const hangs = app.script('hangs', `sleep 600 & echo $! > ${pid}; wait`)
  await expect(backUp([app.data], { before: { command: [hangs], timeout_s: 1 } })).rejects.toMatchObject({
    code: 'hook_failed',
    message: expect.stringContaining('did not end within 1 s'),
  })
  const child = Number(readFileSync(pid, 'latin1'))
  await soon(() => (isAlive(child) ? undefined : true))
})

test('what a hook leaves running does not hold the run', async () => {
  await using app = await application()
  const pid = path.join(app.folder, 'pid')
  const leaves = app.script('leaves', `sleep 600 & echo $! > ${pid}`)
  const run = await backUp([app.data], { before: { command: [leaves] } })
  expect(run.outcome.status).toBe('success')
  const child = Number(readFileSync(pid, 'latin1'))
  expect(isAlive(child)).toBe(true)
  process.kill(child, 'SIGKILL')
})

test('a cancel ends the hook before, and the hook after still runs', async () => {
  await using app = await application()
  const before = app.script('hangs', `${app.said('before')}; sleep 600`)
  const after = app.script('start', app.said('after'))
  const cancel = new AbortController()
  const running = backUp([app.data], { before: { command: [before] }, after: { command: [after] } }, { signal: cancel.signal })
  const ended = Promise.allSettled([running])
  await soon(() => (app.log().includes('before') ? true : undefined))
  cancel.abort()
  expect(await ended).toMatchObject([{ reason: { code: 'canceled' } }])
  expect(app.log()).toEqual(['before', 'after'])
})

test('a command that the node does not allow, argument by argument, is not run, nor is the other one', async () => {
  await using app = await application()
  const script = app.script('any', app.said('$1'))
  const allowed = [[script, 'stop']]
  await backUp([app.data], { before: { command: [script, 'stop'] } }, { allowed })
  expect(app.log()).toEqual(['stop'])
  for (const command of [[script], [script, 'start'], [script, 'stop', 'too']]) {
    await expect(backUp([app.data], { before: { command: [script, 'stop'] }, after: { command } }, { allowed })).rejects.toMatchObject({
      code: 'not_allowed',
    })
  }
  expect(app.log()).toEqual(['stop'])
})

function isAlive(pid: number): boolean {
  try {
    // A zombie has ended.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

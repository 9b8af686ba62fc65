import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RunPlan } from '../../src/protocol/run-plan.ts'
import { type NodeCase, nodeCase, slowly, soon } from '../support/node-case.ts'
import { bastionRunner } from '../support/bastion-program.ts'
import type { NodeProcess } from '../support/node-process.ts'
import { scale } from '../support/scale.ts'
import { whyNoStrace } from '../support/strace.ts'

// The rows of docs/design/runs-on-a-node.md, "Who dies when": each with real processes and kill -9.

const noStrace = await whyNoStrace()

/** A run that is met at work. */
function slowPlan(node: NodeCase): RunPlan {
  const plan = node.plan()
  return { ...plan, pipeline: { ...plan.pipeline, ...slowly } }
}

/** Waits until some of the run's events have come. */
async function atWork(node: NodeCase, executor: NodeProcess, runId: string): Promise<void> {
  await executor.next('run.events', (message) => message.run_id === runId && message.events.some(({ kind }) => kind === 'packaging'))
  expect(node.kept.outcomes.has(runId)).toBe(false)
}

function kindsOf(node: NodeCase, runId: string): string[] {
  return (node.kept.events.get(runId) ?? []).map(({ kind }) => kind)
}

const interrupted = { status: 'failed', error: { code: 'interrupted' } }

function killRunner(pid: number): void {
  process.kill(pid, 'SIGKILL')
}

test('an executor killed while its run is at work: the run goes on, and the next executor tells all of it without a gap', async () => {
  await using node = await nodeCase()
  const plan = slowPlan(node)
  const first = node.start()
  first.send(node.offer(plan))
  await atWork(node, first, plan.run_id)
  await first.kill()
  const before = kindsOf(node, plan.run_id).length
  await using second = node.start()
  expect((await second.next('node.hello')).known_runs).toMatchObject([{ run_id: plan.run_id, ended: false }])
  await second.next('run.finished')
  expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({ status: 'success' })
  const kinds = kindsOf(node, plan.run_id)
  expect(kinds.length).toBeGreaterThan(before)
  // Read once: there is one beginning, and one end.
  expect(kinds.filter((kind) => kind === 'started' || kind === 'packaging' || kind === 'complete')).toEqual(['started', 'packaging', 'complete'])
})

test('an executor killed again and again: the run ends as if nothing had been', async () => {
  await using node = await nodeCase()
  const plan = slowPlan(node)
  const first = node.start()
  first.send(node.offer(plan))
  await atWork(node, first, plan.run_id)
  await first.kill()
  for (let i = 0; i < 3; i++) {
    const next = node.start()
    await next.next('node.hello')
    await next.kill()
  }
  await using last = node.start()
  await last.next('run.finished')
  expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({ status: 'success' })
})

test('an executor that ends in order leaves its runs at work', async () => {
  await using node = await nodeCase()
  const plan = slowPlan(node)
  {
    await using first = node.start()
    first.send(node.offer(plan))
    await atWork(node, first, plan.run_id)
  }
  expect(node.kept.outcomes.size).toBe(0)
  await node.runnerIsGone(plan.run_id)
  await using second = node.start()
  expect((await second.next('node.hello')).known_runs).toMatchObject([{ run_id: plan.run_id, ended: true }])
  await second.next('run.finished')
  expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({ status: 'success' })
})

describe('an executor killed after the spawn, before the credentials', () => {
  /** Starts late, so that nobody has talked with it when the executor is killed. */
  const lateRunner = (seconds: number) => ['/bin/sh', '-c', `sleep ${seconds}; exec "$@"`, 'sh', ...bastionRunner]

  test('the offer comes again and brings them', async () => {
    await using node = await nodeCase()
    const plan = node.plan()
    const first = node.start({ runnerCommand: lateRunner(1) })
    first.send(node.offer(plan))
    await first.next('run.accepted')
    await first.kill()
    await using second = node.start()
    expect((await second.next('node.hello')).known_runs).toEqual([{ run_id: plan.run_id, last_seq: 0, ended: false }])
    second.send(node.offer(plan))
    await second.next('run.finished')
    expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({ status: 'success' })
  })

  test('nobody brings them: the runner waits in vain and ends', async () => {
    await using node = await nodeCase()
    const plan = node.plan()
    const impatient = path.join(import.meta.dirname, '../support/impatient-runner.ts')
    const first = node.start({ runnerCommand: ['/bin/sh', '-c', 'sleep 1; exec "$@"', 'sh', process.execPath, impatient] })
    first.send(node.offer(plan))
    await first.next('run.accepted')
    await first.kill()
    await using second = node.start()
    await second.next('run.finished')
    expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({
      status: 'failed',
      error: { code: 'interrupted', message: expect.stringContaining('credentials') },
    })
    expect(kindsOf(node, plan.run_id)).toEqual(['interrupted'])
  })
})

test('an executor killed after the outcome, before the Hub has it: the next one tells it, as often as it is asked', async () => {
  await using node = await nodeCase()
  const plan = node.plan()
  const first = node.start()
  first.send(node.offer(plan))
  await first.next('run.finished')
  await first.kill()
  const second = node.start()
  await second.next('run.finished')
  await second.kill()
  await using third = node.start()
  const { last_seq } = await third.next('run.finished')
  third.send({ type: 'run.ack', run_id: plan.run_id, seq: last_seq, ended: true })
  await soon(() => (existsSync(node.at(plan.run_id)) ? undefined : true))
})

test('a runner killed at work: its run is interrupted, after all it had told', async () => {
  await using node = await nodeCase()
  await using executor = node.start()
  const plan = slowPlan(node)
  executor.send(node.offer(plan))
  await atWork(node, executor, plan.run_id)
  killRunner(await node.runnerPid(plan.run_id))
  await executor.next('run.finished')
  expect(existsSync(node.at(plan.run_id, 'runner.sock'))).toBe(true)
  expect(node.kept.outcomes.get(plan.run_id)).toMatchObject(interrupted)
  expect(kindsOf(node, plan.run_id).at(-1)).toBe('interrupted')
  // The next run to the same place is not in its way.
  const next = node.plan()
  executor.send(node.offer(next))
  await executor.next('run.finished', ({ run_id }) => run_id === next.run_id)
  expect(node.kept.outcomes.get(next.run_id)).toMatchObject({ status: 'success' })
})

test.for(['executor first', 'runner first'])('both killed, the %s: the next executor finds the run interrupted', async (order) => {
  await using node = await nodeCase()
  const plan = slowPlan(node)
  const first = node.start()
  first.send(node.offer(plan))
  await atWork(node, first, plan.run_id)
  const pid = await node.runnerPid(plan.run_id)
  if (order === 'executor first') {
    await first.kill()
    killRunner(pid)
  } else {
    process.kill(first.pid, 'SIGSTOP')
    killRunner(pid)
    await first.kill()
  }
  await node.runnerIsGone(plan.run_id)
  await using second = node.start()
  await second.next('run.finished')
  expect(node.kept.outcomes.get(plan.run_id)).toMatchObject(interrupted)
  expect(kindsOf(node, plan.run_id).filter((kind) => kind === 'interrupted')).toHaveLength(1)
})

test.for([
  ['a cut line', '{"seq":9999,"event":{"ts":1,"lev'],
  ['a line that is none', 'zeros \0\0\0\0\n'],
  ['a line with another number', '{"seq":9999,"event":{"ts":1,"level":"info","kind":"scan","message":"x","fields":{}}}\n'],
  ['an outcome that does not follow', '{"last_seq":9999,"outcome":{"status":"canceled"}}\n'],
])('a journal that ends in %s: what is whole before it counts', async ([, tail]) => {
  await using node = await nodeCase()
  const plan = slowPlan(node)
  const first = node.start()
  first.send(node.offer(plan))
  await atWork(node, first, plan.run_id)
  const pid = await node.runnerPid(plan.run_id)
  await first.kill()
  killRunner(pid)
  await node.runnerIsGone(plan.run_id)
  const whole = node.journal(plan.run_id).length
  appendFileSync(node.at(plan.run_id, 'journal.ndjson'), tail!)
  await using second = node.start()
  expect(await second.next('run.finished')).toMatchObject({ last_seq: whole + 1, outcome: interrupted })
  expect(node.journal(plan.run_id)).toMatchObject([
    ...Array.from({ length: whole }, (_, i) => ({ seq: i + 1 })),
    { seq: whole + 1, event: { kind: 'interrupted' } },
    { last_seq: whole + 1, outcome: interrupted },
  ])
})

test('a runner that hangs after a cancel is killed, and its run is canceled', async () => {
  await using node = await nodeCase()
  await using executor = node.start({ limits: { killAfterMs: 300 } })
  const plan = slowPlan(node)
  executor.send(node.offer(plan))
  await atWork(node, executor, plan.run_id)
  process.kill(await node.runnerPid(plan.run_id), 'SIGSTOP')
  executor.send({ type: 'run.cancel', run_id: plan.run_id })
  expect(await executor.next('run.finished')).toMatchObject({ outcome: { status: 'canceled' } })
  expect(kindsOf(node, plan.run_id).at(-1)).toBe('canceled')
})

test('two executors on one data directory: the second one is refused and touches nothing', async () => {
  await using node = await nodeCase()
  const plan = slowPlan(node)
  await using first = node.start()
  first.send(node.offer(plan))
  await atWork(node, first, plan.run_id)
  const second = node.start()
  expect(await second.ended).not.toBe(0)
  expect(second.reports).toContain('another Bastion carries out runs with the data directory')
  await first.next('run.finished')
  expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({ status: 'success' })
})

test('directories that no executor has made are let alone', async () => {
  await using node = await nodeCase()
  const foreign = '01a1fd05-fef3-705a-a4f8-33b44208a591'
  mkdirSync(node.at(foreign), { recursive: true })
  mkdirSync(node.at('not-a-run'))
  writeFileSync(node.at('not-a-run', 'plan.json'), '{}')
  await using executor = node.start()
  expect((await executor.next('node.hello')).known_runs).toEqual([])
  expect(readdirSync(path.join(node.dataDir, 'runs'))).toEqual([foreign, 'not-a-run'])
})

test('a directory with a snapshot in it stays until that is gone', async () => {
  await using node = await nodeCase()
  const first = node.start()
  const plan = node.plan()
  first.send(node.offer(plan))
  const { last_seq } = await first.next('run.finished')
  const snapshot = node.at(plan.run_id, 'source_snapshot')
  mkdirSync(snapshot)
  writeFileSync(path.join(snapshot, 'file'), 'of somebody')
  first.send({ type: 'run.ack', run_id: plan.run_id, seq: last_seq, ended: true })
  const left = await soon(() => {
    const names = readdirSync(node.at(plan.run_id)).toSorted()
    return names.length <= 2 ? names : undefined
  })
  expect(left).toEqual(['acknowledged', 'source_snapshot'])
  await first.kill()
  await using second = node.start()
  expect((await second.next('node.hello')).known_runs).toEqual([])
  expect(readFileSync(path.join(snapshot, 'file'), 'utf8')).toBe('of somebody')
})

describe.skipIf(noStrace !== undefined)(`killed just before a call to the system${noStrace === undefined ? '' : `: ${noStrace}`}`, () => {
  /** `strace … PROGRAM` that kills it before its nth `call`. */
  const killedAt = (call: string, nth: number, more: readonly string[] = []) => [
    'strace',
    '-f',
    '-o',
    '/dev/null',
    ...more,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:signal=SIGKILL:when=${nth}`,
  ]

  test('the executor, when the directory does not have its name: the run is not known, and nothing is left', async () => {
    await using node = await nodeCase()
    const plan = node.plan()
    // The third name it gives: local-targets.json, plan.json, the directory.
    const first = node.start({ under: killedAt('rename', 3) })
    first.send(node.offer(plan))
    await first.ended
    expect(readdirSync(path.join(node.dataDir, 'runs'))).toEqual([`.${plan.run_id}.new`])
    await using second = node.start()
    expect((await second.next('node.hello')).known_runs).toEqual([])
    expect(readdirSync(path.join(node.dataDir, 'runs'))).toEqual([])
  })

  test('the executor, when the directory has its name and no runner was started: the run is interrupted', async () => {
    await using node = await nodeCase()
    const plan = node.plan()
    // Two for local-targets.json, two for plan.json, and the one of the directory.
    const first = node.start({ under: killedAt('fsync', 5) })
    first.send(node.offer(plan))
    await first.ended
    expect(readdirSync(path.join(node.dataDir, 'runs'))).toEqual([plan.run_id])
    await using second = node.start()
    expect((await second.next('node.hello')).known_runs).toEqual([{ run_id: plan.run_id, last_seq: 0, ended: false }])
    await second.next('run.finished')
    expect(node.kept.outcomes.get(plan.run_id)).toMatchObject(interrupted)
    expect(kindsOf(node, plan.run_id)).toEqual(['interrupted'])
  })

  test('the executor, when not all of an acknowledged run is removed: the rest goes, and the run is not known', async () => {
    await using node = await nodeCase()
    const plan = node.plan()
    const first = node.start({ under: killedAt('unlink', 2) })
    first.send(node.offer(plan))
    const { last_seq } = await first.next('run.finished')
    first.send({ type: 'run.ack', run_id: plan.run_id, seq: last_seq, ended: true })
    await first.ended
    expect(readdirSync(node.at(plan.run_id))).toContain('acknowledged')
    await using second = node.start()
    expect((await second.next('node.hello')).known_runs).toEqual([])
    await soon(() => (existsSync(node.at(plan.run_id)) ? undefined : true))
  })

  test('the runner, at any line of its journal: no event is lost that was told, and it ended only if it says so', async () => {
    await using node = await nodeCase(2 ** 20)
    const whole = node.plan()
    await using executor = node.start()
    executor.send(node.offer(whole))
    await executor.next('run.finished')
    const lines = node.journal(whole.run_id).length
    for (const call of ['write', 'fdatasync'] as const) {
      for (let nth = 1; nth <= lines; nth += scale(4, 1)) {
        const plan = node.plan()
        await using place = await nodeCase(2 ** 20)
        const journal = place.at(plan.run_id, 'journal.ndjson')
        await using one = place.start({ runnerCommand: [...killedAt(call, nth, ['-P', journal]), ...bastionRunner] })
        one.send(place.offer(plan))
        const { outcome, last_seq } = await one.next('run.finished')
        expect(place.kept.events.get(plan.run_id) ?? []).toHaveLength(last_seq)
        // Before its last call for the outcome all is written already.
        const isWhole = place.kept.events.get(plan.run_id)?.at(-1)?.kind !== 'interrupted'
        expect(outcome, `${call} ${nth}`).toMatchObject(isWhole ? { status: 'success' } : interrupted)
        if (call === 'write') expect(last_seq).toBe(nth)
      }
    }
  })
})

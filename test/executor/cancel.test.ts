import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { bastion } from '../support/bastion-process.ts'
import { type NodeCase, nodeCase } from '../support/node-case.ts'
import type { NodeProcess } from '../support/node-process.ts'

/** Would take minutes. */
async function endlessRun(node: NodeCase, executor: NodeProcess): Promise<string> {
  const plan = node.plan()
  executor.send(node.offer({ ...plan, pipeline: { ...plan.pipeline, bandwidth_limit: 100_000 } }))
  await executor.next('run.events', ({ events }) => events.some(({ kind }) => kind === 'packaging'))
  return plan.run_id
}

function nothingIsStored(node: NodeCase): void {
  expect(readdirSync(path.join(node.target, 'job-1')).filter((name) => existsSync(path.join(node.target, 'job-1', name, 'run.json')))).toEqual([])
}

test('a cancel ends a run at work, and what it had stored is removed', async () => {
  await using node = await nodeCase(32 * 2 ** 20)
  await using executor = node.start()
  const runId = await endlessRun(node, executor)
  executor.send({ type: 'run.cancel', run_id: runId })
  executor.send({ type: 'run.cancel', run_id: runId })
  expect(await executor.next('run.finished')).toMatchObject({ outcome: { status: 'canceled' } })
  expect(node.kept.events.get(runId)!.map(({ kind }) => kind)).toEqual(['started', 'planning', 'packaging', 'cleanup', 'canceled'])
  nothingIsStored(node)
})

test('a cancel that follows the offer at once is not lost', async () => {
  await using node = await nodeCase(32 * 2 ** 20)
  await using executor = node.start()
  const plan = node.plan()
  executor.send(node.offer(plan))
  executor.send({ type: 'run.cancel', run_id: plan.run_id })
  expect(await executor.next('run.finished')).toMatchObject({ outcome: { status: 'canceled' } })
})

test('a cancel that comes again to the next executor ends the run', async () => {
  await using node = await nodeCase(32 * 2 ** 20)
  const first = node.start()
  const runId = await endlessRun(node, first)
  await first.kill()
  await using second = node.start()
  await second.next('node.hello')
  second.send({ type: 'run.cancel', run_id: runId })
  expect(await second.next('run.finished')).toMatchObject({ outcome: { status: 'canceled' } })
})

test('a cancel after the end, or of a run nobody knows, changes nothing', async () => {
  await using node = await nodeCase()
  await using executor = node.start()
  const plan = node.plan()
  executor.send(node.offer(plan))
  await executor.next('run.finished')
  executor.send({ type: 'run.cancel', run_id: plan.run_id })
  executor.send({ type: 'run.cancel', run_id: '01a1fd05-fef3-705a-a4f8-33b44208a591' })
  const next = node.plan()
  executor.send(node.offer(next))
  await executor.next('run.finished', ({ run_id }) => run_id === next.run_id)
  expect([...node.kept.outcomes.values()].map(({ status }) => status)).toEqual(['success', 'success'])
})

test('a runner that the machine ends cleans up, and its run may be tried again', async () => {
  await using node = await nodeCase(32 * 2 ** 20)
  await using executor = node.start()
  const runId = await endlessRun(node, executor)
  process.kill(await node.runnerPid(runId), 'SIGTERM')
  expect(await executor.next('run.finished')).toMatchObject({ outcome: { status: 'failed', error: { code: 'interrupted' } } })
  expect(node.kept.events.get(runId)!.map(({ kind }) => kind)).toEqual(['started', 'planning', 'packaging', 'cleanup', 'interrupted'])
  nothingIsStored(node)
})

test('a runner that no executor has started does nothing', async () => {
  await using node = await nodeCase()
  const first = node.start()
  const plan = node.plan()
  first.send(node.offer(plan))
  await first.next('run.finished')
  await first.kill()
  const before = node.journal(plan.run_id)
  const { stderr } = await bastion(['runner', node.at(plan.run_id)], { codes: [2] })
  expect(stderr).toContain('no executor has started this process')
  expect(node.journal(plan.run_id)).toEqual(before)
})

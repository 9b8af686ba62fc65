import { expect, test } from 'vitest'
import { openExecutor } from '../../src/executor/executor.ts'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'
import type { HubMessage } from '../../src/protocol/node-messages.ts'
import { type NodeCase, nodeCase, slowly, soon } from '../support/node-case.ts'
import { bastionRunner } from '../support/bastion-program.ts'
import type { KeptRuns } from '../support/node-process.ts'

async function localExecutor(node: NodeCase) {
  const problems: string[] = []
  const executor = await openExecutor({
    dataDir: node.dataDir,
    runnerCommand: bastionRunner,
    policy: { browseRoots: ['/'], snapshotRoots: [] },
    streams: createMemoryStreams(),
    version: '0.0.0',
    clock: { now: () => Date.now() },
    report: (problem) => problems.push(problem),
  })
  return { executor, problems, [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose]() }
}

/** A Hub on a new link, that attaches to what it is told of. */
function connectHub(kept: KeptRuns) {
  const { hub, node } = createMemoryLink()
  const seen = { closed: false, hellos: 0 }
  hub.receive({
    message(message) {
      kept.take(message)
      if (message.type !== 'node.hello') return
      seen.hellos += 1
      for (const { run_id } of message.known_runs) hub.send({ type: 'run.attach', run_id, after_seq: kept.events.get(run_id)?.length ?? 0 })
    },
    closed: () => (seen.closed = true),
  })
  return { send: (message: HubMessage) => hub.send(message), close: () => hub.close(), node, seen }
}

test('a link that is cut and comes again while a run is at work leaves no gap, however often', async () => {
  await using node = await nodeCase(12 * 2 ** 20)
  await using local = await localExecutor(node)
  const { kept } = node
  const plan = node.plan()
  let hub = connectHub(kept)
  await local.executor.connect(hub.node)
  hub.send(node.offer({ ...plan, pipeline: { ...plan.pipeline, ...slowly } }))
  for (let parts = 1; parts <= 4; parts++) {
    await soon(() => ((kept.events.get(plan.run_id) ?? []).filter(({ kind }) => kind === 'part_stored').length >= parts ? true : undefined))
    hub.close()
    hub = connectHub(kept)
    await local.executor.connect(hub.node)
  }
  expect(await soon(() => kept.outcomes.get(plan.run_id))).toMatchObject({ status: 'success' })
  expect(kept.events.get(plan.run_id)!.at(-1)!.kind).toBe('complete')
  expect(local.problems).toEqual([])
})

test('a new link takes the place of the one before, which is closed', async () => {
  await using node = await nodeCase()
  await using local = await localExecutor(node)
  const first = connectHub(node.kept)
  await local.executor.connect(first.node)
  const second = connectHub(node.kept)
  await local.executor.connect(second.node)
  await soon(() => (first.seen.closed && second.seen.hellos === 1 ? true : undefined))
  first.send(node.offer(node.plan()))
  const plan = node.plan()
  second.send(node.offer(plan))
  await soon(() => node.kept.outcomes.get(plan.run_id))
  expect([...node.kept.outcomes.keys()]).toEqual([plan.run_id])
})

test('events that come once more are the same ones', async () => {
  await using node = await nodeCase()
  await using local = await localExecutor(node)
  const hub = connectHub(node.kept)
  await local.executor.connect(hub.node)
  const plan = node.plan()
  hub.send(node.offer(plan))
  await soon(() => node.kept.outcomes.get(plan.run_id))
  // `take` throws when one of them is another under its number.
  let finishes = 0
  const again = createMemoryLink()
  again.hub.receive({
    message(message) {
      node.kept.take(message)
      if (message.type === 'run.finished') finishes += 1
    },
    closed() {},
  })
  await local.executor.connect(again.node)
  for (const after_seq of [0, 2, node.kept.events.get(plan.run_id)!.length]) {
    const before = finishes
    again.hub.send({ type: 'run.attach', run_id: plan.run_id, after_seq })
    await soon(() => (finishes > before ? true : undefined))
  }
  expect(local.problems).toEqual([])
})

test('what is open in an executor is closed with it: another one can begin at once', async () => {
  await using node = await nodeCase()
  for (let i = 0; i < 3; i++) {
    await using local = await localExecutor(node)
    const hub = connectHub(node.kept)
    await local.executor.connect(hub.node)
    await soon(() => (hub.seen.hellos === 1 ? true : undefined))
  }
})

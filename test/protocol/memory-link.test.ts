import { expect, test } from 'vitest'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import type { HubMessage, NodeMessage } from '../../src/protocol/node-messages.ts'

const runId = '01a1fd05-fef3-705a-a4f8-33b44208a591'
const cancel: HubMessage = { type: 'run.cancel', run_id: runId }

test('messages of both ways arrive later and in order', async () => {
  const { hub, node } = createMemoryLink()
  const atNode: HubMessage[] = []
  const atHub: NodeMessage[] = []
  node.receive({ message: (message) => atNode.push(message), closed() {} })
  hub.receive({ message: (message) => atHub.push(message), closed() {} })
  hub.send(cancel)
  hub.send({ type: 'run.attach', run_id: runId, after_seq: 3 })
  node.send({ type: 'run.accepted', run_id: runId })
  expect([atNode, atHub]).toEqual([[], []])
  await turn()
  expect(atNode).toEqual([cancel, { type: 'run.attach', run_id: runId, after_seq: 3 }])
  expect(atHub).toEqual([{ type: 'run.accepted', run_id: runId }])
})

test('what arrives is a copy, as it would be over a wire', async () => {
  const { hub, node } = createMemoryLink()
  const received: HubMessage[] = []
  node.receive({ message: (message) => received.push(message), closed() {} })
  const sent = { ...cancel, and: { more: true } }
  hub.send(sent)
  await turn()
  expect(received).toEqual([cancel])
  expect(received[0]).not.toBe(sent)
})

test('what is no message is refused where it is sent', () => {
  const { hub } = createMemoryLink()
  expect(() => hub.send({ type: 'run.cancel', run_id: 'x' })).toThrow('a run id is a UUIDv7')
})

test('messages wait for handlers, and both sides hear of the end after them', async () => {
  const { hub, node } = createMemoryLink()
  hub.send(cancel)
  node.close()
  hub.send(cancel)
  const heard: string[] = []
  node.receive({ message: ({ type }) => heard.push(type), closed: () => heard.push('closed') })
  hub.receive({ message: ({ type }) => heard.push(type), closed: () => heard.push('hub closed') })
  await turn()
  expect(heard).toEqual(['run.cancel', 'closed', 'hub closed'])
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

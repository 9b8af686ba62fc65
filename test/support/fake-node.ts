import type { RunEvent, RunEventKind } from '../../src/core/run-event.ts'
import type { RunOutcome } from '../../src/core/run.ts'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import {
  type HubEnd,
  type HubMessage,
  type KnownOperation,
  type KnownRun,
  type NodeMessage,
  protocolVersions,
} from '../../src/protocol/node-messages.ts'
import { someTime } from './hub-records.ts'

/** The node's end of a link, played by a test. */
export interface FakeNode {
  readonly received: readonly HubMessage[]
  send(message: NodeMessage): void
  hello(knownRuns?: KnownRun[], versions?: { protocol_min: number; protocol_max: number }, knownOperations?: KnownOperation[]): void
  /** The next message of this type that `next` has not given before. */
  next<Type extends HubMessage['type']>(type: Type): Promise<Extract<HubMessage, { type: Type }>>
  readonly closed: Promise<void>
  close(): void
}

/** The Hub's end, and a node that has not said anything yet. */
export function createFakeNode(): { hub: HubEnd; node: FakeNode } {
  const link = createMemoryLink()
  const received: HubMessage[] = []
  const taken = new Set<HubMessage>()
  const waiting = new Set<() => void>()
  const closed = Promise.withResolvers<void>()
  link.node.receive({
    message(message) {
      received.push(message)
      for (const look of waiting) look()
    },
    closed: closed.resolve,
  })
  return {
    hub: link.hub,
    node: {
      received,
      send: link.node.send,
      close: link.node.close,
      closed: closed.promise,
      hello(known_runs = [], versions = { protocol_min: protocolVersions.min, protocol_max: protocolVersions.max }, known_operations = []) {
        link.node.send({ type: 'node.hello', ...versions, version: '0.1.0', capabilities: [], boot_id: 'boot', known_runs, known_operations })
      },
      next(type) {
        return new Promise((resolve) => {
          const look = () => {
            const found = received.find((message) => message.type === type && !taken.has(message))
            if (found === undefined) return
            taken.add(found)
            waiting.delete(look)
            resolve(found as Extract<HubMessage, { type: typeof type }>)
          }
          waiting.add(look)
          look()
        })
      },
    },
  }
}

export function someEvents(...kinds: RunEventKind[]): RunEvent[] {
  return kinds.map((kind) => ({ ts: someTime, level: 'info', kind, message: kind, fields: {} }))
}

export const storedOutcome = {
  status: 'success',
  artifact: {
    target_id: 'target-1',
    manifest_hash: 'a'.repeat(64),
    format: 'archive_v1',
    encrypted: false,
    grade: 'stable',
    completed_at: someTime,
    totals: { files: 3 },
    holes: 0,
  },
  consistency_changed_total: 0,
  issues: { total: 0, sample: [] },
  summary: { filesystem: {} },
} as const satisfies RunOutcome

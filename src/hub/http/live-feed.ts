import type { KeptRunEvent } from '../../core/run-event.ts'
import type { LiveFrame } from '../../protocol/http/live-frames.ts'
import type { LiveMessage, LiveTopic } from '../../protocol/live-messages.ts'
import type { LiveEvents } from '../live-events.ts'
import type { Store } from '../store/store.ts'
import type { WorkEventStore } from '../store/work-event-store.ts'

export interface FeedOptions {
  topic: LiveTopic
  /** for `run:<id>` and `operation:<id>`: the events after it are sent first */
  afterSeq: number
  /** resolves when it has left */
  send(frame: LiveFrame): Promise<void>
  /** the store could not be read: nothing more comes */
  failed(error: unknown): void
}

const eventsAtOnce = 200

/**
 * Sends what is published on a topic. Of a run, or an operation, it first sends the events that were kept before, then those that come, in their order, none left out and none twice: it
 * listens before it reads, holds back what it hears until it has read, and reads again when it hears an event before its turn.
 */
export function startFeed(
  { store, live }: { store: Pick<Store, 'runEvents' | 'operationEvents'>; live: LiveEvents },
  options: FeedOptions,
): Disposable {
  const { topic, send, failed } = options
  const past = pastOf(store, topic)
  let lastSeq = options.afterSeq
  let heldBack: LiveMessage[] | null = []
  let isStopped = false

  const pass = (message: LiveMessage) => send({ type: 'published', topic, message })

  function take(message: LiveMessage): void {
    if (heldBack !== null) return void heldBack.push(message)
    if (message.type === 'run.event' || message.type === 'operation.event') {
      if (message.event.seq <= lastSeq) return
      if (message.event.seq > lastSeq + 1) {
        heldBack = [message]
        return void catchUp().catch(failed)
      }
      lastSeq = message.event.seq
    }
    pass(message).catch(failed)
  }

  async function catchUp(): Promise<void> {
    for (let more = past !== null; more && !isStopped;) {
      const page = await past!.events.list(past!.id, lastSeq, eventsAtOnce)
      await Promise.all(page.items.map((event) => pass(past!.told(event))))
      lastSeq = page.items.at(-1)?.seq ?? lastSeq
      more = page.more
    }
    const heard = heldBack ?? []
    heldBack = null
    for (const message of heard) take(message)
  }

  const subscription = live.subscribe(topic, take)
  send({ type: 'subscribed', topic, quiet_ms: live.quietMs(topic) })
    .then(catchUp)
    .catch(failed)
  return {
    [Symbol.dispose]() {
      isStopped = true
      subscription[Symbol.dispose]()
    },
  }
}

/** Where the events of a topic are kept. */
interface Past {
  id: string
  events: WorkEventStore
  told(event: KeptRunEvent): LiveMessage
}

function pastOf({ runEvents, operationEvents }: Pick<Store, 'runEvents' | 'operationEvents'>, topic: LiveTopic): Past | null {
  const [noun, id] = topic.split(':')
  if (id === undefined) return null
  if (noun === 'run') return { id, events: runEvents, told: (event) => ({ type: 'run.event', run_id: id, event }) }
  return { id, events: operationEvents, told: (event) => ({ type: 'operation.event', operation_id: id, event }) }
}

import { ref, type Ref } from 'vue'
import type { LiveMessage, LiveTopic } from '../../../src/protocol/live-messages.ts'
import { hubSocket } from './hub-socket.ts'
import type { LiveStatus } from './live-connection.ts'
import { createLivePorts, type LiveAsk, type LivePort, type LiveTold } from './live-ports.ts'

/** What happens on the Hub, as it happens, over one socket of this browser. */
export interface Live {
  readonly status: Readonly<Ref<LiveStatus>>
  /**
   * Tells what is published on a topic. `run:<id>` and `operation:<id>` begin after `afterSeq` and leave no event out and none twice, whatever becomes of the
   * network. Of the others `onResumed` says that something may have been missed, also before the first message. @returns a function that ends it
   */
  follow(topic: LiveTopic, listener: LiveListener, options?: { afterSeq?: number }): () => void
  /** Somebody signed in. */
  retry(): void
}

export interface LiveListener {
  onMessage(message: LiveMessage): void
  onResumed?(): void
}

interface Followed {
  listener: LiveListener
  lastSeq: number
  isSubscribed: boolean
}

export function createLive(): Live {
  const status = ref<LiveStatus>('idle')
  const byTopic = new Map<LiveTopic, Set<Followed>>()
  const ask = openChannel(take)
  let asked = new Set<LiveTopic>()

  function take(told: LiveTold): void {
    if (told.type === 'status') {
      status.value = told.status
      return
    }
    const { frame } = told
    if (frame.topic === undefined) return
    for (const each of byTopic.get(frame.topic) ?? []) {
      if (frame.type === 'published') pass(each, frame.message)
      else if (frame.type === 'subscribed') {
        // The connection was gone; or something happened since this page began, after it had asked and before it listened.
        const maybeMissed = each.isSubscribed || (frame.quiet_ms !== null && frame.quiet_ms < performance.now())
        each.isSubscribed = true
        if (maybeMissed) each.listener.onResumed?.()
      }
    }
  }

  function pass(to: Followed, message: LiveMessage): void {
    if (message.type === 'run.event' || message.type === 'operation.event') {
      if (message.event.seq <= to.lastSeq) return
      to.lastSeq = message.event.seq
    }
    to.listener.onMessage(message)
  }

  return {
    status,
    retry: () => ask({ type: 'retry' }),
    follow(topic, listener, { afterSeq = 0 } = {}) {
      const own: Followed = { listener, lastSeq: afterSeq, isSubscribed: false }
      const known = byTopic.get(topic)
      if (known === undefined) byTopic.set(topic, new Set([own]))
      else known.add(own)
      const needsPast = topic.startsWith('run:') || topic.startsWith('operation:')
      if (needsPast || !asked.has(topic)) ask({ type: 'follow', topic, after_seq: needsPast ? afterSeq : null })
      else own.isSubscribed = true
      asked.add(topic)
      return () => {
        const left = byTopic.get(topic)
        left?.delete(own)
        if (left?.size !== 0) return
        byTopic.delete(topic)
        asked = new Set([...asked].filter((each) => each !== topic))
        ask({ type: 'unfollow', topic })
      }
    },
  }
}

/** To the worker that all tabs share, or to a connection of this page where the browser has no shared workers. */
function openChannel(take: (told: LiveTold) => void): (ask: LiveAsk) => void {
  if (typeof SharedWorker === 'undefined') {
    const ports = createLivePorts(hubSocket)
    const port: LivePort = { tell: take }
    ports.join(port)
    return (ask) => ports.take(port, ask)
  }
  const worker = new SharedWorker(new URL('live-worker.ts', import.meta.url), { type: 'module', name: 'bastion-live' })
  worker.port.addEventListener('message', ({ data }: MessageEvent<LiveTold>) => take(data))
  worker.port.start()
  addEventListener('pagehide', () => worker.port.postMessage({ type: 'leave' } satisfies LiveAsk))
  // Back from the browser's cache of pages, which it left for the worker.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload()
  })
  return (ask) => worker.port.postMessage(ask)
}

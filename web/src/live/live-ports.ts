import type { LiveFrame } from '../../../src/protocol/http/live-frames.ts'
import type { LiveTopic } from '../../../src/protocol/live-messages.ts'
import { createLiveConnection, type LiveConnectionOptions, type LiveStatus } from './live-connection.ts'

/** Page to connection. */
export type LiveAsk =
  | { type: 'follow'; topic: LiveTopic; after_seq: number | null }
  | { type: 'unfollow'; topic: LiveTopic }
  | { type: 'retry' }
  | { type: 'leave' }
/** Connection to page. */
export type LiveTold = { type: 'frame'; frame: LiveFrame } | { type: 'status'; status: LiveStatus }

/** One page that listens. */
export interface LivePort {
  tell(told: LiveTold): void
}

/** Lets many pages share one connection: each hears of the topics it follows, and a topic is followed once for all. */
export function createLivePorts(options: Pick<LiveConnectionOptions, 'openSocket' | 'isSignedIn'>) {
  const followed = new Map<LivePort, Set<LiveTopic>>()
  let status: LiveStatus = 'idle'
  const connection = createLiveConnection({
    ...options,
    onFrame(frame) {
      for (const [port, topics] of followed) if (frame.topic === undefined || topics.has(frame.topic)) port.tell({ type: 'frame', frame })
    },
    onStatus(now) {
      status = now
      for (const port of followed.keys()) port.tell({ type: 'status', status })
    },
  })
  const isFollowed = (topic: LiveTopic) => [...followed.values()].some((topics) => topics.has(topic))

  function unfollow(port: LivePort, topic: LiveTopic): void {
    followed.get(port)?.delete(topic)
    if (!isFollowed(topic)) connection.unfollow(topic)
  }

  return {
    join(port: LivePort): void {
      followed.set(port, new Set())
      port.tell({ type: 'status', status })
    },
    take(port: LivePort, ask: LiveAsk): void {
      if (ask.type === 'follow') {
        followed.get(port)?.add(ask.topic)
        // Started anew for all who follow it: each passes over the events it has.
        connection.follow(ask.topic, ask.after_seq)
      } else if (ask.type === 'unfollow') {
        unfollow(port, ask.topic)
      } else if (ask.type === 'retry') {
        connection.retry()
      } else {
        for (const topic of followed.get(port) ?? []) unfollow(port, topic)
        followed.delete(port)
      }
    },
  }
}

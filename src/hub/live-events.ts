import type { LiveMessage, LiveTopic } from '../protocol/live-messages.ts'

/**
 * Tells what changed to whoever listens now. Nothing is kept here: what a listener missed it reads from the store, by sequence number. A listener must
 * not throw and must not wait; one that is slow keeps its own queue.
 */
export interface LiveEvents {
  publish(topic: LiveTopic, message: LiveMessage): void
  /** Disposed: no more. */
  subscribe(topic: LiveTopic, listener: (message: LiveMessage) => void): Disposable
  /** how long ago something was last published on a topic that has no sequence numbers, in milliseconds; null when nothing was */
  quietMs(topic: LiveTopic): number | null
}

export function createLiveEvents(): LiveEvents {
  const listeners = new Map<LiveTopic, Set<(message: LiveMessage) => void>>()
  /** of the few topics that are not those of one run or operation */
  const lastAtMs = new Map<LiveTopic, number>()
  return {
    publish(topic, message) {
      if (!topic.includes(':')) lastAtMs.set(topic, performance.now())
      for (const listener of listeners.get(topic) ?? []) listener(message)
    },
    subscribe(topic, listener) {
      // Two subscriptions of one function are two.
      const own = (message: LiveMessage) => listener(message)
      const known = listeners.get(topic)
      if (known === undefined) listeners.set(topic, new Set([own]))
      else known.add(own)
      return {
        [Symbol.dispose]() {
          const left = listeners.get(topic)
          left?.delete(own)
          if (left?.size === 0) listeners.delete(topic)
        },
      }
    },
    quietMs(topic) {
      const atMs = lastAtMs.get(topic)
      return atMs === undefined ? null : Math.round(performance.now() - atMs)
    },
  }
}

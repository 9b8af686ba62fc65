import type { LiveMessage, LiveTopic } from '../protocol/live-messages.ts'

/**
 * Tells what changed to whoever listens now. Nothing is kept here: what a listener missed it reads from the store, by sequence number. A listener must
 * not throw and must not wait; one that is slow keeps its own queue.
 */
export interface LiveEvents {
  publish(topic: LiveTopic, message: LiveMessage): void
  /** Disposed: no more. */
  subscribe(topic: LiveTopic, listener: (message: LiveMessage) => void): Disposable
}

export function createLiveEvents(): LiveEvents {
  const listeners = new Map<LiveTopic, Set<(message: LiveMessage) => void>>()
  return {
    publish(topic, message) {
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
  }
}

import type { LiveFrame } from '../../../src/protocol/http/live-frames.ts'
import type { LiveTopic } from '../../../src/protocol/live-messages.ts'

/** `waiting`: gone, and tried again in a while; `signed_out`: the Hub knows nobody any more, and nothing is tried until `retry()`. */
export type LiveStatus = 'idle' | 'connecting' | 'open' | 'waiting' | 'signed_out'

export interface LiveConnection {
  /** Asked again for a topic that is followed, it starts again from `afterSeq`. */
  follow(topic: LiveTopic, afterSeq: number | null): void
  unfollow(topic: LiveTopic): void
  /** Somebody signed in, or the network is back: connects at once. */
  retry(): void
}

export interface LiveConnectionOptions {
  openSocket(): WebSocket
  /** whether the session still holds, where a socket could not be opened */
  isSignedIn(): Promise<boolean>
  onFrame(frame: LiveFrame): void
  onStatus(status: LiveStatus): void
}

const firstDelayMs = 1000
const longestDelayMs = 30_000
/** As the Hub closes the socket of a session that ended (RFC 6455: policy violation). */
const signedOutCode = 1008

/** One socket for any number of topics. It comes back by itself, with every topic where it was left. */
export function createLiveConnection({ openSocket, isSignedIn, onFrame, onStatus }: LiveConnectionOptions): LiveConnection {
  /** the sequence number after which it goes on; null for topics that have none */
  const topics = new Map<LiveTopic, number | null>()
  let socket: WebSocket | null = null
  let isOpen = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const ask = (request: unknown) => {
    if (isOpen) socket!.send(JSON.stringify(request))
  }
  const subscribe = (topic: LiveTopic, afterSeq: number | null) =>
    ask({ type: 'subscribe', topic, ...(afterSeq !== null && { after_seq: afterSeq }) })

  function connect(): void {
    clearTimeout(timer)
    timer = undefined
    if (socket !== null || topics.size === 0) return
    onStatus('connecting')
    const opening = (socket = openSocket())
    opening.addEventListener('open', () => {
      isOpen = true
      failures = 0
      onStatus('open')
      for (const [topic, afterSeq] of topics) subscribe(topic, afterSeq)
    })
    opening.addEventListener('message', ({ data }) => take(String(data)))
    opening.addEventListener('close', ({ code }) => {
      const wasOpen = isOpen
      socket = null
      isOpen = false
      if (topics.size === 0) return onStatus('idle')
      void comeBack(wasOpen && code === signedOutCode)
    })
  }

  async function comeBack(isDismissed: boolean): Promise<void> {
    onStatus('waiting')
    if (isDismissed || !(await isSignedIn())) return onStatus('signed_out')
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** failures) * (0.5 + Math.random() / 2)
    failures += 1
    timer = setTimeout(connect, delayMs)
  }

  function take(text: string): void {
    // Taken for what it says it is, as answers of the API are. What a newer Hub may tell has a type that nobody here asks for.
    const frame = JSON.parse(text) as LiveFrame
    if (frame.type === 'published' && frame.message.type === 'run.event' && topics.has(frame.topic)) topics.set(frame.topic, frame.message.event.seq)
    onFrame(frame)
  }

  return {
    follow(topic, afterSeq) {
      topics.set(topic, afterSeq)
      if (isOpen) subscribe(topic, afterSeq)
      else if (timer === undefined) connect()
    },
    unfollow(topic) {
      if (!topics.delete(topic)) return
      ask({ type: 'unsubscribe', topic })
      if (topics.size === 0) socket?.close()
    },
    retry() {
      failures = 0
      connect()
    },
  }
}

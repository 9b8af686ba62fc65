import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { WebSocket } from '@fastify/websocket'
import { z } from 'zod'
import { checkShape } from '../../core/check-shape.ts'
import { BastionError } from '../../core/errors.ts'
import { runIdSchema } from '../../core/ids.ts'
import { type LiveFrame, liveRequestSchema } from '../../protocol/http/live-frames.ts'
import type { LiveTopic } from '../../protocol/live-messages.ts'
import type { SignedInUser } from '../auth/sessions.ts'
import type { Guard } from './guard.ts'
import type { HttpServices } from './http-services.ts'
import { startFeed } from './live-feed.ts'
import { invalidInput, problemOf } from './problem-reply.ts'
import { apiPrefixes } from './register-api.ts'

export const largestLiveRequest = 16 * 1024
const mostTopics = 200
/** A browser that takes so little of what happens is better off connecting again, and reading lists anew. */
const mostBuffered = 8 * 1024 * 1024
const pingEveryMs = 30_000

/** Codes of RFC 6455 and of its registry. */
const closeCodes = { goingAway: 1001, policy: 1008, internal: 1011, tryAgainLater: 1013 } as const

const watchedRun = z.object({ id: runIdSchema })
const watchedFrom = z.object({ after_seq: z.coerce.number().int().nonnegative().default(0) })

type LiveServices = Pick<HttpServices, 'store' | 'live' | 'sessions' | 'log'>

/** `/events/ws`, where a browser says what it wants to follow, and `/runs/:id/events/ws`, which follows one run. */
export function registerLiveSockets(app: FastifyInstance, services: LiveServices, guard: Guard): void {
  const admitted = new WeakMap<FastifyRequest, SignedInUser>()
  const options = {
    websocket: true,
    async preValidation(request: FastifyRequest) {
      admitted.set(request, (await guard.admit(request, 'viewer'))!)
    },
  } as const
  const open = (socket: WebSocket, request: FastifyRequest) =>
    openSocket(services, { socket, sessionId: admitted.get(request)!.session.id, requestId: request.id })

  for (const prefix of apiPrefixes) {
    app.get(`${prefix}/events/ws`, options, (socket, request) => {
      const { follow, unfollow, refuse } = open(socket, request)
      socket.on('message', (data: Buffer) => {
        const asked = checkShape(liveRequestSchema, parsedJson(data.toString()))
        if (!asked.success) return refuse(invalidInput(asked.error))
        if (asked.data.type === 'subscribe') follow(asked.data.topic, asked.data.after_seq ?? 0)
        else unfollow(asked.data.topic)
      })
    })
    app.get(`${prefix}/runs/:id/events/ws`, options, (socket, request) => {
      const { follow, refuse } = open(socket, request)
      const run = watchedRun.safeParse(request.params)
      const from = watchedFrom.safeParse(request.query)
      if (run.success && from.success) return follow(`run:${run.data.id}`, from.data.after_seq)
      refuse(invalidInput((run.error ?? from.error)!))
      socket.close(closeCodes.policy)
    })
  }
}

/** The Hub ends: whoever follows it may try again later. */
export function dismissSockets(sockets: Iterable<WebSocket>): void {
  for (const socket of sockets) socket.close(closeCodes.goingAway, 'the Hub stops')
}

interface SocketOptions {
  socket: WebSocket
  sessionId: string
  requestId: string
}

function openSocket(services: LiveServices, { socket, sessionId, requestId }: SocketOptions) {
  const feeds = new Map<LiveTopic, Disposable>()
  let isAlive = true

  function send(frame: LiveFrame): Promise<void> {
    if (socket.bufferedAmount > mostBuffered) socket.close(closeCodes.tryAgainLater, 'too slow')
    // What cannot be sent any more is nobody's: the socket's end says so.
    return new Promise((resolve) => socket.send(JSON.stringify(frame), () => resolve()))
  }

  function refuse(error: unknown, topic?: LiveTopic): void {
    void send({ type: 'refused', ...(topic !== undefined && { topic }), problem: problemOf(error, requestId) })
  }

  function unfollow(topic: LiveTopic): void {
    feeds.get(topic)?.[Symbol.dispose]()
    feeds.delete(topic)
  }

  function signedOut(): void {
    socket.close(closeCodes.policy, 'signed out')
  }

  /** Whoever has gone without a word, or whose session has expired, hears no more. */
  async function look(): Promise<void> {
    if (!isAlive) return socket.terminate()
    isAlive = false
    socket.ping()
    if (!(await services.sessions.holds(sessionId))) signedOut()
  }

  function fail(error: unknown): void {
    services.log.error({ err: error, request_id: requestId }, 'a live socket failed')
    socket.close(closeCodes.internal)
  }

  const looking = setInterval(() => void look().catch(fail), pingEveryMs)
  const watched = services.sessions.whenEnded(sessionId, signedOut)
  socket.on('pong', () => (isAlive = true))
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    clearInterval(looking)
    watched[Symbol.dispose]()
    for (const topic of feeds.keys()) unfollow(topic)
  })

  return {
    refuse,
    unfollow,
    /** Asked for a topic again, it starts again, from `afterSeq`. */
    follow(topic: LiveTopic, afterSeq: number): void {
      unfollow(topic)
      if (feeds.size >= mostTopics) return refuse(new BastionError('too_many_requests', `one socket follows at most ${mostTopics} topics`), topic)
      feeds.set(topic, startFeed(services, { topic, afterSeq, send, failed: fail }))
    },
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

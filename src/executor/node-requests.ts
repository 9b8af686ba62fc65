import { BastionError } from '../core/errors.ts'
import { failureOf } from '../core/run.ts'
import { leaseReport } from '../engine/snapshots/lease-report.ts'
import { openLeases } from '../engine/snapshots/leases.ts'
import type { ByteStreams } from '../protocol/byte-streams.ts'
import type { NodeMessage } from '../protocol/node-messages.ts'
import { nodeReplies } from '../protocol/node-replies.ts'
import type { NodeRequest } from '../protocol/node-requests.ts'
import type { NodeMeans } from '../protocol/runner-messages.ts'
import { listDirectory } from './list-directory.ts'
import { type RequestProcess, startRequest } from './request-process.ts'

/** The requests of a Hub that are being answered. */
export interface NodeRequests extends AsyncDisposable {
  /** Replies by `send`, once; what comes twice is answered once. */
  handle(requestId: string, request: NodeRequest, send: (message: NodeMessage) => void): void
  cancel(requestId: string): void
}

interface OpenRequest {
  request: NodeRequest
  process: RequestProcess | null
  canceled: boolean
  ended: Promise<void>
}

/** @param options.atOnce so many processes; the others wait their turn */
export function createNodeRequests(options: {
  runnerCommand: readonly string[]
  streams: ByteStreams
  means: () => NodeMeans
  browseRoots: readonly string[]
  atOnce: number
}): NodeRequests {
  const open = new Map<string, OpenRequest>()
  const waiting: (() => void)[] = []
  let underWay = 0

  async function turn(): Promise<Disposable> {
    if (underWay >= options.atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else underWay += 1
    return {
      [Symbol.dispose]() {
        const next = waiting.shift()
        if (next === undefined) underWay -= 1
        else next()
      },
    }
  }

  async function answer(request: NodeRequest, one: OpenRequest, reply: (ok: unknown) => void): Promise<void> {
    if (request.kind === 'fs.list') return reply(await listDirectory(request, options.browseRoots))
    if (request.kind === 'lease.list') return reply({ leases: openLeases(options.means().data_dir).list().map(leaseReport) })
    using _turn = await turn()
    if (one.canceled) throw canceled()
    await using running = startRequest(options.runnerCommand, { request, means: options.means() })
    one.process = running
    reply(await running.answer)
    if (!('stream_id' in request)) return
    // Whoever reads hears of what goes wrong now; the reply has been given.
    await options.streams.write(request.stream_id, running.body).catch(() => {})
  }

  function end(one: OpenRequest): void {
    one.canceled = true
    one.process?.cancel()
    // Perhaps nobody has come to read it, and nobody will.
    if ('stream_id' in one.request) options.streams.abort(one.request.stream_id, canceled())
  }

  return {
    handle(requestId, request, send) {
      if (open.has(requestId)) return
      const one: OpenRequest = { request, process: null, canceled: false, ended: Promise.resolve() }
      open.set(requestId, one)
      let replied = false
      const reply = (ok: unknown) => {
        send({ type: 'reply', request_id: requestId, ok: nodeReplies[request.kind].parse(ok) })
        replied = true
      }
      one.ended = answer(request, one, reply)
        .catch((error: unknown) => {
          if (!replied) send({ type: 'reply', request_id: requestId, error: failureOf(error) })
        })
        .finally(() => open.delete(requestId))
    },
    cancel(requestId) {
      const one = open.get(requestId)
      if (one !== undefined) end(one)
    },
    async [Symbol.asyncDispose]() {
      for (const one of open.values()) end(one)
      await Promise.all([...open.values()].map(({ ended }) => ended))
    },
  }
}

function canceled(): BastionError {
  return new BastionError('canceled', 'the request was canceled')
}

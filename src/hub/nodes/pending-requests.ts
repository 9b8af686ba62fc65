import { checkShape } from '../../core/check-shape.ts'
import { BastionError } from '../../core/errors.ts'
import type { HubMessage, NodeMessage } from '../../protocol/node-messages.ts'
import { nodeReplies, type NodeReply } from '../../protocol/node-replies.ts'
import type { NodeRequest } from '../../protocol/node-requests.ts'

/** What a node was asked and has not answered yet. */
export interface PendingRequests {
  /** @throws BastionError what the node answers with; canceled on abort, and the node is told */
  ask<Kind extends NodeRequest['kind']>(request: Extract<NodeRequest, { kind: Kind }>, options: { signal: AbortSignal }): Promise<NodeReply<Kind>>
  /** An answer nobody waits for any more is passed over. */
  answer(reply: Extract<NodeMessage, { type: 'reply' }>): void
  /** No more answers come. */
  fail(error: Error): void
}

export function createPendingRequests({ newId, send }: { newId(): string; send(message: HubMessage): void }): PendingRequests {
  const waiting = new Map<string, { resolve(ok: unknown): void; reject(error: Error): void }>()
  return {
    async ask(request, { signal }) {
      if (signal.aborted) throw canceled()
      const requestId = newId()
      const cancel = () => {
        send({ type: 'request.cancel', request_id: requestId })
        waiting.get(requestId)?.reject(canceled())
      }
      try {
        const answered = new Promise<unknown>((resolve, reject) => waiting.set(requestId, { resolve, reject }))
        signal.addEventListener('abort', cancel, { once: true })
        send({ type: 'request', request_id: requestId, request })
        const parsed = checkShape<unknown>(nodeReplies[request.kind], await answered)
        if (!parsed.success) throw new BastionError('protocol', `the node answered ${request.kind} with something else`, { cause: parsed.error })
        return parsed.data as NodeReply<typeof request.kind>
      } finally {
        signal.removeEventListener('abort', cancel)
        waiting.delete(requestId)
      }
    },
    answer({ request_id, ok, error }) {
      const one = waiting.get(request_id)
      if (error === undefined) one?.resolve(ok)
      else one?.reject(new BastionError(error.code, error.message, { hint: error.hint }))
    },
    fail(error) {
      for (const one of waiting.values()) one.reject(error)
    },
  }
}

function canceled(): BastionError {
  return new BastionError('canceled', 'nobody waits for the answer any more')
}

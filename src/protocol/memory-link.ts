import type { z } from 'zod'
import { type HubEnd, hubMessageSchema, type MessageLink, type NodeEnd, nodeMessageSchema } from './node-messages.ts'

/**
 * Both ends of a link inside of one process, for the node that lives with its Hub. Messages go as they would over a wire: as JSON, through their schema, delivered
 * later and in order. What was sent before the other side closed still arrives; what is sent after is dropped.
 * `send` throws a ZodError when the message is none: a bug of the sender.
 */
export function createMemoryLink(): { hub: HubEnd; node: NodeEnd } {
  const toNode = createDirection(hubMessageSchema)
  const toHub = createDirection(nodeMessageSchema)
  const close = () => {
    toNode.close()
    toHub.close()
  }
  return {
    hub: { send: toNode.send, receive: toHub.receive, close },
    node: { send: toHub.send, receive: toNode.receive, close },
  }
}

type Handlers<Message> = Parameters<MessageLink<never, Message>['receive']>[0]

function createDirection<Message>(schema: z.ZodType<Message>): {
  send(message: Message): void
  receive(handlers: Handlers<Message>): void
  close(): void
} {
  const given = Promise.withResolvers<Handlers<Message>>()
  let isClosed = false

  return {
    send(message) {
      if (isClosed) return
      const received = schema.parse(JSON.parse(JSON.stringify(message)))
      void given.promise.then((handlers) => handlers.message(received))
    },
    receive: given.resolve,
    close() {
      if (isClosed) return
      isClosed = true
      void given.promise.then((handlers) => handlers.closed())
    },
  }
}

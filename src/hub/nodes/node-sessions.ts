import { BastionError } from '../../core/errors.ts'
import { type HubEnd, type HubMessage, type NodeMessage, protocolVersions } from '../../protocol/node-messages.ts'
import type { NodeReply } from '../../protocol/node-replies.ts'
import type { NodeRequest } from '../../protocol/node-requests.ts'
import type { HubLog } from '../hub-log.ts'
import type { LiveEvents } from '../live-events.ts'
import { createPendingRequests, type PendingRequests } from './pending-requests.ts'

export type NodeHello = Extract<NodeMessage, { type: 'node.hello' }>
export type NodeWorkMessage = Extract<NodeMessage, { run_id: string } | { operation_id: string }>

/** Who is told what nodes say of runs and operations. One message of a node after the other; what one of them throws is logged, and the next one comes. */
export interface NodeListener {
  /** The node is there, and this is what it knows. */
  hello(nodeId: string, hello: NodeHello): Promise<void>
  message(nodeId: string, message: NodeWorkMessage): Promise<void>
}

/** The nodes that are there now. */
export interface NodeSessions extends AsyncDisposable {
  /** A node has connected; a session it had before is closed. It counts as there from its hello on. */
  connect(nodeId: string, link: HubEnd): void
  isConnected(nodeId: string): boolean
  connected(): string[]
  /** Nothing happens when the node is not there: what matters is kept, and said again when it comes back. */
  send(nodeId: string, message: HubMessage): void
  /** Asks a node. @throws BastionError node_offline when it is not there or leaves; the error it answers with; canceled on abort */
  request<Kind extends NodeRequest['kind']>(
    nodeId: string,
    request: Extract<NodeRequest, { kind: Kind }>,
    options: { signal: AbortSignal },
  ): Promise<NodeReply<Kind>>
  /** Given once, before the first node connects. */
  listen(listener: NodeListener): void
}

interface Session {
  link: HubEnd
  hasGreeted: boolean
  requests: PendingRequests
  /** the message that is being worked on, and those behind it */
  work: Promise<void>
}

export function createNodeSessions({ live, log, newId }: { live: LiveEvents; log: HubLog; newId(): string }): NodeSessions {
  const sessions = new Map<string, Session>()
  const working = new Set<Promise<void>>()
  let listener: NodeListener | null = null
  let isClosing = false

  const greeted = (nodeId: string) => {
    const session = sessions.get(nodeId)
    return session?.hasGreeted === true ? session : null
  }

  function end(nodeId: string, session: Session): void {
    if (sessions.get(nodeId) !== session) return
    sessions.delete(nodeId)
    session.link.close()
    session.requests.fail(new BastionError('node_offline', `the node ${nodeId} went away`))
    if (session.hasGreeted) live.publish('nodes', { type: 'node.changed', node_id: nodeId, connected: false })
  }

  async function take(nodeId: string, session: Session, message: NodeMessage): Promise<void> {
    // What an old session said is said again in the new one.
    if (isClosing || sessions.get(nodeId) !== session) return
    if (message.type === 'node.hello') {
      const version = Math.min(message.protocol_max, protocolVersions.max)
      if (version < Math.max(message.protocol_min, protocolVersions.min)) {
        const reason = message.protocol_max < protocolVersions.min ? 'agent_too_old' : 'agent_too_new'
        log.warn({ node_id: nodeId, reason }, 'a node was refused')
        session.link.send({ type: 'hub.refused', reason })
        return end(nodeId, session)
      }
      session.link.send({ type: 'hub.welcome', protocol: version })
      session.hasGreeted = true
      live.publish('nodes', { type: 'node.changed', node_id: nodeId, connected: true })
      return listener?.hello(nodeId, message)
    }
    if (!session.hasGreeted || message.type === 'node.heartbeat') return
    if (message.type === 'reply') return session.requests.answer(message)
    return listener?.message(nodeId, message)
  }

  return {
    connect(nodeId, link) {
      const before = sessions.get(nodeId)
      if (before !== undefined) end(nodeId, before)
      const session: Session = { link, hasGreeted: false, requests: createPendingRequests({ newId, send: link.send }), work: Promise.resolve() }
      sessions.set(nodeId, session)
      link.receive({
        message(message) {
          const work = session.work
            .then(() => take(nodeId, session, message))
            .catch((error: unknown) => log.error({ node_id: nodeId, type: message.type, err: error }, 'a message of a node could not be worked on'))
          session.work = work
          working.add(work)
          void work.finally(() => working.delete(work))
        },
        closed: () => end(nodeId, session),
      })
    },
    isConnected: (nodeId) => greeted(nodeId) !== null,
    connected: () => [...sessions].flatMap(([nodeId, session]) => (session.hasGreeted ? [nodeId] : [])),
    send(nodeId, message) {
      greeted(nodeId)?.link.send(message)
    },
    async request(nodeId, request, options) {
      const session = greeted(nodeId)
      if (session === null) throw new BastionError('node_offline', `the node ${nodeId} is not connected`)
      return session.requests.ask(request, options)
    },
    listen(given) {
      listener = given
    },
    async [Symbol.asyncDispose]() {
      isClosing = true
      for (const [nodeId, session] of sessions) end(nodeId, session)
      await Promise.all(working)
    },
  }
}

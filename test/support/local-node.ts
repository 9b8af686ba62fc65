import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { type Executor, type NodePolicy, openExecutor } from '../../src/executor/executor.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'
import type { NodeMessage } from '../../src/protocol/node-messages.ts'
import { nodeReplies, type NodeReply } from '../../src/protocol/node-replies.ts'
import type { NodeRequest, NodeRequestKind } from '../../src/protocol/node-requests.ts'
import { bastion, jsonLines } from './bastion-process.ts'
import { soon } from './node-case.ts'
import { bastionRunner } from './bastion-program.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A Hub and a node in one process, as `bastion hub` has them. */
export async function localNode(policy: Partial<NodePolicy> = {}) {
  const folder = await temporaryFolder()
  const streams = createMemoryStreams()
  const problems: string[] = []
  const executor: Executor = await openExecutor({
    dataDir: path.join(folder.path, 'data'),
    runnerCommand: bastionRunner,
    policy: { browseRoots: ['/'], snapshotRoots: [], ...policy },
    streams,
    version: '0.0.0',
    clock: { now: () => Date.now() },
    report: (problem) => problems.push(problem),
  })
  const { hub, node } = createMemoryLink()
  const replies = new Map<string, NodeMessage & { type: 'reply' }>()
  hub.receive({
    message(message) {
      if (message.type !== 'reply') return
      expect(replies.has(message.request_id)).toBe(false)
      replies.set(message.request_id, message)
    },
    closed() {},
  })
  await executor.connect(node)
  let last = 0
  return {
    folder: folder.path,
    streams,
    hub,
    problems,
    send(request: NodeRequest): string {
      const requestId = `request-${++last}`
      hub.send({ type: 'request', request_id: requestId, request })
      return requestId
    },
    reply: (requestId: string) => soon(() => replies.get(requestId)),
    /** @throws what the node answers instead */
    async ask<Kind extends NodeRequestKind>(request: Extract<NodeRequest, { kind: Kind }>): Promise<NodeReply<Kind>> {
      const { ok, error } = await this.reply(this.send(request))
      if (error !== undefined) throw Object.assign(new Error(error.message), error)
      return nodeReplies[request.kind].parse(ok) as NodeReply<Kind>
    },
    async [Symbol.asyncDispose]() {
      await executor[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

export type LocalNode = Awaited<ReturnType<typeof localNode>>

/** An encrypted artifact of a tree, and what a request for it needs. */
export async function artifactOf({ folder }: LocalNode, files: Record<string, string | Buffer>) {
  const source = path.join(folder, 'source')
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(source, name)), { recursive: true })
    writeFileSync(path.join(source, name), content)
  }
  const identity = generateAgeKeyPair()
  const target = path.join(folder, 'target')
  const args = [
    'backup',
    source,
    '--to',
    target,
    '--job-id',
    'docs',
    '--encrypt-to',
    identity.recipient,
    '--data-dir',
    path.join(folder, 'cli'),
    '--json',
  ]
  const result = jsonLines((await bastion(args)).stdout).find(({ kind }) => kind === 'result')!
  const runId = String(result['artifact']).split('/')[1]!
  const { target_id: targetId } = JSON.parse(readFileSync(path.join(target, 'bastion-target.json'), 'utf8')) as { target_id: string }
  const opened = {
    target: { type: 'local_dir', path: target },
    credentials: {},
    expected_target_id: targetId,
    job_id: 'docs',
    run_id: runId,
    identities: [identity.identity],
  }
  return { opened, prefix: source.slice(1) }
}

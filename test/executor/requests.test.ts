import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Executor, NodePolicy } from '../../src/executor/executor.ts'
import { openExecutor } from '../../src/executor/executor.ts'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'
import type { NodeMessage } from '../../src/protocol/node-messages.ts'
import { nodeReplies, type NodeReply } from '../../src/protocol/node-replies.ts'
import type { NodeRequest, NodeRequestKind } from '../../src/protocol/node-requests.ts'
import { bastion, jsonLines } from '../support/bastion-process.ts'
import { soon } from '../support/node-case.ts'
import { bastionRunner } from '../support/node-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'

/** A Hub and a node in one process, as `bastion hub` has them. */
async function localNode(policy: Partial<NodePolicy> = {}) {
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

type LocalNode = Awaited<ReturnType<typeof localNode>>

/** An encrypted artifact of a tree, and what a request for it needs. */
async function artifactOf({ folder }: LocalNode, files: Record<string, string | Buffer>) {
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

test('a directory is listed in pages, in order, links with what they lead to', async () => {
  await using node = await localNode()
  const at = (...names: string[]) => path.join(node.folder, 'tree', ...names)
  mkdirSync(at('b'), { recursive: true })
  writeFileSync(at('a'), 'xyz')
  symlinkSync('b', at('c'))
  symlinkSync('nowhere', at('d'))
  writeFileSync(Buffer.concat([Buffer.from(`${at()}/`), Buffer.from([0xff])]), '')
  const all: NodeReply<'fs.list'>['entries'] = []
  for (let after: string | undefined; ;) {
    const page = await node.ask({ kind: 'fs.list', path: at(), limit: 2, ...(after === undefined ? {} : { after }) })
    all.push(...page.entries)
    if (page.next === null) break
    after = page.next
  }
  expect(all.map(({ modified_at: _, ...entry }) => entry)).toEqual([
    { name: 'a', kind: 'file', size_bytes: 3 },
    { name: 'b', kind: 'dir' },
    { name: 'c', kind: 'symlink', leads_to: 'dir' },
    { name: 'd', kind: 'symlink' },
    { name: '\ufffd', name_b64: '/w==', kind: 'file', size_bytes: 0 },
  ])
})

test('what is not below a browse root is not listed, not through a link either', async () => {
  await using folder = await temporaryFolder()
  const open = path.join(folder.path, 'open')
  mkdirSync(path.join(open, 'in'), { recursive: true })
  mkdirSync(`${open}-not`)
  symlinkSync('/', path.join(open, 'out'))
  await using node = await localNode({ browseRoots: [open] })
  const list = (name: string) => node.ask({ kind: 'fs.list', path: name, limit: 10 })
  expect((await list(open)).entries.map(({ name }) => name)).toEqual(['in', 'out'])
  expect((await list('')).entries).toMatchObject([{ name: open, kind: 'dir' }])
  for (const name of ['/', folder.path, `${open}-not`, path.join(open, 'out'), path.join(open, 'out', 'etc'), path.join(open, '..')])
    await expect(list(name), name).rejects.toMatchObject({ code: 'not_allowed' })
  await expect(list(path.join(open, 'gone'))).rejects.toMatchObject({ code: 'source_not_found' })
  await expect(list('relative')).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('the entries of an encrypted artifact are listed in pages', async () => {
  await using node = await localNode()
  const { opened, prefix } = await artifactOf(node, { 'a.txt': 'a', 'b/c.txt': 'c', 'b-c': 'd', e: 'e' })
  const names: string[] = []
  for (let after: string | undefined; ;) {
    const page = await node.ask({ kind: 'entries.list', ...opened, prefix, limit: 1, ...(after === undefined ? {} : { after }) })
    names.push(...page.entries.map((entry) => `${path.relative(prefix, entry.path)} ${entry.kind}`))
    if (page.next === null) break
    after = page.next
  }
  expect(names).toEqual(['a.txt file', 'b dir', 'b-c file', 'e file'])
  const top = await node.ask({ kind: 'entries.list', ...opened, prefix: '', limit: 10 })
  expect(top.entries).toMatchObject([{ path: prefix.split('/')[0], kind: 'dir', implicit: true }])
})

test('why entries cannot be listed is said', async () => {
  await using node = await localNode()
  const { opened, prefix } = await artifactOf(node, { a: 'a' })
  const list = (change: object) => node.ask({ kind: 'entries.list', ...opened, prefix, limit: 10, ...change })
  await expect(list({ prefix: 'nowhere' })).rejects.toMatchObject({ code: 'entry_not_found' })
  await expect(list({ identities: [] })).rejects.toMatchObject({ code: 'encryption_key_missing' })
  await expect(list({ expected_target_id: 'another' })).rejects.toMatchObject({ code: 'target_identity' })
  await expect(list({ run_id: '01a1fd05-fef3-705a-a4f8-33b44208a591' })).rejects.toMatchObject({ code: 'artifact_not_found' })
  await expect(list({ target: { type: 'local_dir' } })).rejects.toMatchObject({ code: 'invalid_spec' })
  await expect(list({ after: '?' })).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('a file comes through its stream, byte for byte, and its entry before it', async () => {
  await using node = await localNode()
  const content = randomBytes(6 * 2 ** 20)
  const { opened, prefix } = await artifactOf(node, { 'large.bin': content })
  const { entry } = await node.ask({ kind: 'entries.download', ...opened, path: `${prefix}/large.bin`, stream_id: 's' })
  expect(entry).toMatchObject({ kind: 'file', size: content.length })
  const chunks: Uint8Array[] = []
  for await (const chunk of node.streams.read('s')) chunks.push(chunk)
  expect(Buffer.concat(chunks).equals(content)).toBe(true)
})

test('a download that turns out damaged ends its stream with an error', async () => {
  await using node = await localNode()
  const { opened, prefix } = await artifactOf(node, { 'large.bin': randomBytes(6 * 2 ** 20) })
  const part = path.join(node.folder, 'target', 'docs', opened.run_id, 'payload.part000001')
  const bytes = readFileSync(part)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  writeFileSync(part, bytes)
  await node.ask({ kind: 'entries.download', ...opened, path: `${prefix}/large.bin`, stream_id: 's' })
  await expect(
    (async () => {
      for await (const chunk of node.streams.read('s')) expect(chunk.length).toBeGreaterThan(0)
    })(),
  ).rejects.toMatchObject({ code: 'artifact_damaged' })
})

test.for(['stops reading', 'cancels the request', 'never reads and cancels'])('a download ends with whoever wants it: one that %s', async (how) => {
  await using node = await localNode()
  const { opened, prefix } = await artifactOf(node, { 'large.bin': randomBytes(6 * 2 ** 20) })
  const requestId = node.send({ kind: 'entries.download', ...opened, path: `${prefix}/large.bin`, stream_id: 's' })
  await node.reply(requestId)
  const reader = node.streams.read('s')[Symbol.asyncIterator]()
  if (how !== 'never reads and cancels') expect((await reader.next()).done).toBe(false)
  if (how === 'stops reading') await reader.return?.()
  else node.hub.send({ type: 'request.cancel', request_id: requestId })
  if (how === 'cancels the request')
    await expect(
      (async () => {
        while ((await reader.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ code: 'canceled' })
  // The node waits for all its processes when it is closed, and so does this test.
  expect(node.problems).toEqual([])
})

test('a target is checked, and what fails is in the report', async () => {
  await using node = await localNode()
  const target = path.join(node.folder, 'checked')
  const report = await node.ask({ kind: 'target.check', target: { type: 'local_dir', path: target }, credentials: {} })
  expect(report).toMatchObject({ target, ok: true, leftovers: [] })
  expect(report.cases.length).toBeGreaterThan(20)
  await expect(
    node.ask({ kind: 'target.check', target: { type: 'local_dir', path: target }, credentials: {}, expected_target_id: 'another' }),
  ).rejects.toMatchObject({ code: 'target_identity' })
})

test('snapshots are probed, leases listed and reaped', async () => {
  await using node = await localNode()
  const probe = { kind: 'snapshot.probe', path: node.folder } as const
  expect(await node.ask({ ...probe, snapshot_mode: 'auto' })).toMatchObject({ places: [{ path: node.folder, read: 'live' }] })
  expect(await node.ask({ ...probe, snapshot_mode: 'off' })).toMatchObject({ places: [{ read: 'live', reason: expect.stringContaining('off') }] })
  expect(await node.ask({ kind: 'lease.list' })).toEqual({ leases: [] })
  expect(await node.ask({ kind: 'lease.reap' })).toEqual({ reaped: [] })
})

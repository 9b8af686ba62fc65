import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { NodeReply } from '../../src/protocol/node-replies.ts'
import { artifactOf, localNode } from '../support/local-node.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

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

import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { runPrefix } from '../../../src/core/artifact.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { isRoot } from '../../support/as-user.ts'
import { runBackup } from '../../support/engine.ts'
import { startOpenssh, whyNoOpenssh } from '../../support/servers/openssh-server.ts'
import { type PlainSftpOptions, startPlainSftp } from '../../support/servers/plain-sftp-server.ts'
import { sftpTarget } from '../../support/servers/sftp-target.ts'
import { sourceTree } from '../../support/source-tree.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { workFolder } from '../../support/work-folder.ts'

const seconds = 1_234_567_890
const metadata = { mode: 0o104_750, uid: 12_345, gid: 54_321, mtimeNs: BigInt(seconds) * 1_000_000_000n + 999n }

test('a browsable backup on OpenSSH is a tree of real directories and links, with modes, times and, by root, owners', async ({ skip }) => {
  const whyNot = whyNoOpenssh()
  if (whyNot !== undefined) return skip(whyNot)
  await using work = await workFolder()
  await using server = await startOpenssh()
  const owner = isRoot ? { uid: 12_345, gid: 54_321 } : {}
  const tree = sourceTree(path.join(work.path, 'source'))
    .file('docs/a', 'a', { mode: 0o640, mtimeNs: metadata.mtimeNs, ...owner })
    .link('docs/b', 'docs/a')
    .symlink('link', 'docs/a', { mtimeNs: metadata.mtimeNs })
    .dir('empty', { mode: 0o755, mtimeNs: metadata.mtimeNs })
    .dir('closed', { mode: 0o500 })
    .file('closed/locked', 'c', { mode: 0o400 })
    .finish()
  const root = path.join(server.folder, 'place')
  const target = sftpTarget(server, { path: root })
  const run = await runBackup({ target, sources: [tree.root], pipeline: { format: 'raw_tree_v1' } })
  expect(run.outcome.summary.data_path).toMatchObject({ path: 'tree_objects', hardlink_policy: 'keep' })

  const prefix = runPrefix(run.ref.jobId, run.ref.runId)
  const at = (name: string): string => path.join(root, prefix, 'data', tree.root, name)
  const [a, b, link, empty, closed] = await Promise.all(['docs/a', 'docs/b', 'link', 'empty', 'closed'].map((name) => lstat(at(name))))
  expect(a).toMatchObject({ mode: 0o100_640, ino: b!.ino, mtimeMs: seconds * 1000, ...owner })
  expect([await readlink(at('link')), link!.mtimeMs]).toEqual(['docs/a', seconds * 1000])
  expect(empty).toMatchObject({ mode: 0o40_755, mtimeMs: seconds * 1000 })
  // Whose account it is, keeps the right to remove it.
  expect(closed!.mode & 0o777).toBe(0o700)
  await target.removeTree(prefix)
  expect(await readdir(path.join(root, run.ref.jobId))).toEqual([])
  await target.close()
})

describe.each<[string, PlainSftpOptions]>([
  ['as the protocol has it', {}],
  ['as OpenSSH does', { linksReversed: true }],
])('a server that takes the two names of a link %s', (_, options) => {
  test('gets links where they belong, and nothing anywhere else', async () => {
    await using folder = await temporaryFolder()
    const outside = path.join(folder.path, 'outside')
    await mkdir(outside)
    await onPlain(options, path.join(folder.path, 'target'), async (target) => {
      expect(await target.tree!.symlink('job/one', path.join(outside, 'not there'))).toBe(true)
      expect(await target.tree!.symlink('job/two', '../outside/nor there')).toBe(true)
      expect(await target.tree!.symlink('job/two', 'again')).toBe(false)
    })
    expect((await readdir(path.join(folder.path, 'target/job'))).toSorted()).toEqual(['one', 'two'])
    expect(await readlink(path.join(folder.path, 'target/job/one'))).toBe(path.join(outside, 'not there'))
    expect(await readdir(outside)).toEqual([])
  })
})

test('what a server cannot make is refused, and nothing is there then', async () => {
  await using folder = await temporaryFolder()
  await onPlain({}, folder.path, async (target) => {
    const tree = target.tree!
    await target.put('job/object', Buffer.from('x'))
    await writeFile(path.join(folder.path, 'job/taken'), 'somebody else')
    expect(await tree.link('job/name', 'job/object')).toBe(false)
    expect(await tree.symlink('job/not-text', '\xff')).toBe(false)
    expect(await tree.symlink('job/taken', 'object')).toBe(false)
    expect(await tree.makeDirectory('job/taken')).toBe(false)
    expect(await tree.makeDirectory('job/taken/below')).toBe(false)
    expect(await tree.makeDirectory(`job/${'x'.repeat(256)}`)).toBe(false)
  })
  expect((await readdir(path.join(folder.path, 'job'))).toSorted()).toEqual(['object', 'taken'])
  expect(await readFile(path.join(folder.path, 'job/taken'), 'utf8')).toBe('somebody else')
})

test('an account that may not give files away keeps them, without the bits that lend the rights of their owner', async () => {
  await using folder = await temporaryFolder()
  await onPlain({ keepsOwners: true }, folder.path, async (target) => {
    await target.put('job/object', Buffer.from('x'))
    await target.put('job/unreadable', Buffer.from('y'))
    expect(await target.tree!.setMetadata('job/object', metadata)).toBe(true)
    expect(await target.tree!.setMetadata('job/unreadable', { ...metadata, mode: 0 })).toBe(true)
    expect(await target.tree!.setMetadata('job/absent', metadata)).toBe(false)
  })
  const { uid, mode, mtimeMs } = await lstat(path.join(folder.path, 'job/object'))
  expect({ uid, mode, mtimeMs }).toEqual({ uid: process.getuid!(), mode: 0o100_750, mtimeMs: seconds * 1000 })
  expect((await lstat(path.join(folder.path, 'job/unreadable'))).mode).toBe(0o100_400)
})

async function onPlain(options: PlainSftpOptions, root: string, work: (target: Target) => Promise<void>): Promise<void> {
  await using server = await startPlainSftp(options)
  const target = sftpTarget(server, { path: root })
  try {
    await work(target)
  } finally {
    await target.close()
  }
}

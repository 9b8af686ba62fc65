import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCode } from '../../../src/core/errors.ts'
import { uuidv7 } from '../../../src/core/ids.ts'
import { createReflinkProvider } from '../../../src/engine/snapshots/reflink/reflink-provider.ts'
import { createSnapshotHost } from '../../../src/engine/snapshots/snapshot-host.ts'
import { isRefusal } from '../../../src/engine/snapshots/snapshot-provider.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { callAs, normalUser } from '../../support/as-user.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { below, entriesBelow, restoreRun, runBackup, type BackupOptions } from '../../support/engine.ts'
import type { FreezeAsUserOutcome } from '../../support/freeze-as-user.ts'
import { loopFilesystem, type LoopFilesystem, whyNoLoop } from '../../support/loop-filesystem.ts'
import { eventsOf, leaseFiles, servicesFor } from '../../support/snapshot-case.ts'
import { longAgoNs, sourceTree } from '../../support/source-tree.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { workFolder } from '../../support/work-folder.ts'

const why = await whyNoLoop('xfs')

describe.skipIf(why !== undefined)(`reflink copies on XFS${why === undefined ? '' : `: ${why}`}`, () => {
  let disk: LoopFilesystem
  let data: Awaited<ReturnType<typeof temporaryFolder>>
  let count = 0

  beforeAll(async () => {
    disk = await loopFilesystem('xfs')
    data = await temporaryFolder()
  })
  afterAll(async () => {
    const left = existsSync(path.join(disk.path, '.bastion-snapshots'))
    await disk[Symbol.asyncDispose]()
    await data[Symbol.asyncDispose]()
    expect(left).toBe(false)
  })

  const folder = () => path.join(disk.path, `s${++count}`)
  const freeze = (source: string, options: Partial<BackupOptions> = {}) =>
    runBackup({
      target: createMemoryTarget(),
      sources: [source],
      snapshots: servicesFor(data.path),
      ownDirectories: [data.path],
      ...options,
      spec: { snapshot_mode: 'required', snapshot_provider: 'reflink', ...options.spec },
    })

  test('are taken only when they are asked for', async () => {
    const tree = sourceTree(folder()).file('a', 'a').finish()
    const run = await runBackup({
      target: createMemoryTarget(),
      sources: [tree.root],
      snapshots: servicesFor(data.path),
      spec: { snapshot_mode: 'auto' },
    })
    expect(run.outcome.manifest.snapshot).toMatchObject({
      status: 'unavailable',
      reason: expect.stringContaining('no logical volume'),
    })
  })

  test('store the tree as it is, each file graded per_file, and leave nothing', async () => {
    const tree = sourceTree(folder())
      .file('a', 'content', { mode: 0o4755, uid: 1234, gid: 99, mtimeNs: 1_234_567_890_123_456_789n })
      .link('other name', 'a')
      .link('d/third name', 'a')
      .file('d/large', 300_000, { mode: 0o400 })
      .file('d/empty', '')
      .symlink('d/link', 'large')
      .fifo('d/fifo')
      .finish()
    const marked = spawnSync('setfattr', ['-n', 'user.mark', '-v', 'of the original', path.join(tree.root, 'd/large')])
    expect(marked.status).toBe(0)
    const run = await freeze(tree.root)
    expect(run.outcome).toMatchObject({ status: 'success', summary: { grade: 'per_file' } })
    const entries = await entriesBelow(run, tree.root.slice(1))
    expect([...entries.values()].filter(({ kind }) => kind === 'file').map(({ grade }) => grade)).toEqual(['per_file', 'per_file', 'per_file'])
    expect([...entries.values()].filter(({ kind }) => kind === 'hardlink')).toHaveLength(2)
    expect(entries.get('/d/large')?.xattrs).toEqual({ 'user.mark': Buffer.from('of the original').toString('base64') })
    expect(run.outcome.source.coverage).toEqual([{ path: tree.root, unit: `xfs:${disk.device}`, read: 'snapshot' }])
    expect(eventsOf(run.events, 'snapshot_ready')[0]).toMatchObject({
      provider: 'reflink',
      snapshot_path: `${disk.path}/.bastion-snapshots/${run.ref.runId}-1`,
    })
    await using there = await temporaryFolder()
    await restoreRun(run, there.path)
    expect(compareTrees(tree.root, below(there.path, tree.root))).toEqual([])
    expect(readdirSync(leaseFiles(data.path))).toEqual([])
  })

  test('hold what a file was when it was met', async () => {
    const tree = sourceTree(folder()).file('a', 'before', { mode: 0o640, uid: 7 }).finish()
    const provider = createReflinkProvider(createSnapshotHost(''))
    const place = await provider.locate(tree.root, data.path)
    if (isRefusal(place)) throw new Error(place.reason)
    const planned = provider.plan(place.unit, {
      runId: uuidv7(Date.now(), randomBytes(10)),
      number: 1,
      ownerToken: 'the token of a run',
      runDirectory: data.path,
    })
    const [identity] = (await provider.create([planned], 0)).made
    const record = { ...planned, identity: { ...(identity as Record<string, string>) } }
    const snapshot = await provider.open(record)
    if (isRefusal(snapshot)) throw new Error(snapshot.reason)
    const copy = snapshot.copyFile!(path.join(tree.root, 'a'), false)!
    writeFileSync(path.join(tree.root, 'a'), 'written later')
    expect(readFileSync(copy, 'utf8')).toBe('before')
    expect(lstatSync(copy, { bigint: true })).toMatchObject({ mode: 0o100640n, uid: 7n, mtimeNs: longAgoNs })
    await snapshot.close()
    expect(await provider.remove(record, 0)).toBeNull()
  })

  test('have the same entries as a live run', async () => {
    const tree = sourceTree(folder()).file('keep/a', 'a').link('keep/b', 'keep/a').file('skip/c', 'c').file('d', 'd').symlink('l', 'd').finish()
    symlinkSync('/etc', path.join(tree.root, 'etc'))
    const target = createMemoryTarget()
    for (const spec of [{}, { exclude: ['skip'] }, { hardlink_policy: 'copy' as const }, { symlink_policy: 'skip' as const }]) {
      const [frozen, live] = [await freeze(tree.root, { target, spec }), await runBackup({ target, sources: [tree.root], spec })]
      const [one, two] = await Promise.all(
        [frozen, live].map(async (run) =>
          [...(await entriesBelow(run, tree.root.slice(1))).values()].map(
            ({ at: _at, grade: _grade, bytes: _bytes, targetBytes: _target, ...entry }) => entry,
          ),
        ),
      )
      expect(one).toEqual(two)
    }
  })

  test('are refused where the filesystem was made without', async () => {
    await using plain = await loopFilesystem('xfs', { make: ['-m', 'reflink=0'] })
    writeFileSync(path.join(plain.path, 'a'), 'a')
    await expect(freeze(plain.path)).rejects.toSatisfy(
      (error) => hasCode(error, 'snapshot_unavailable') && error.message.includes('made without reflinks'),
    )
    expect(readdirSync(plain.path)).toEqual(['a'])
  })

  describe('are removed', () => {
    const provider = createReflinkProvider(createSnapshotHost(''))
    async function copies() {
      const root = folder()
      mkdirSync(root)
      writeFileSync(path.join(root, 'a'), 'a')
      const place = await provider.locate(root, data.path)
      if (isRefusal(place)) throw new Error(place.reason)
      const planned = provider.plan(place.unit, {
        runId: uuidv7(Date.now(), randomBytes(10)),
        number: 1,
        ownerToken: 'the token of a run',
        runDirectory: data.path,
      })
      const [identity] = (await provider.create([planned], 0)).made
      if (isRefusal(identity!)) throw new Error(identity.reason)
      const record = { ...planned, identity: { ...identity! } }
      const opened = await provider.open(record)
      if (isRefusal(opened)) throw new Error(opened.reason)
      expect(opened.copyFile!(path.join(root, 'a'), false)).toBe(path.join(record.path.text, '1'))
      await opened.close()
      return { record, at: record.path.text }
    }

    test('whether or not their run learned that they were made, and twice', async () => {
      for (const forget of [false, true]) {
        const { record, at } = await copies()
        const named = forget ? { ...record, identity: null } : record
        expect(await provider.remove(named, 0)).toBeNull()
        expect(await provider.remove(named, 0)).toBeNull()
        expect(existsSync(at)).toBe(false)
      }
    })

    test('but not without the token of the run, not with anything else among them, and not where the filesystem is not mounted', async () => {
      const { record, at } = await copies()
      expect(await provider.remove({ ...record, facts: { ...record.facts, owner_token: 'another token of a run' } }, 0)).toMatchObject({
        reason: expect.stringContaining('token'),
      })
      mkdirSync(path.join(at, '7'))
      expect(await provider.remove(record, 0)).toMatchObject({ reason: expect.stringContaining('something else is in it (7)') })
      spawnSync('rmdir', [path.join(at, '7')])
      await disk.unmount()
      expect(await provider.remove(record, 0)).toMatchObject({ reason: expect.stringContaining('not mounted') })
      await disk.mount()
      expect(readdirSync(at).toSorted()).toEqual(['0', '1', 'owner-token'])
      expect(await provider.remove(record, 0)).toBeNull()
    })
  })

  test('are not made of files of others without root: those are read live, and a required backup says so', async () => {
    await using own = await workFolder({ owner: normalUser })
    for (const directory of [path.dirname(disk.path), disk.path]) chmodSync(directory, 0o755)
    const tree = sourceTree(folder()).file('mine', 'm', normalUser).file('roots', 'r').finish()
    chownSync(tree.root, normalUser.uid, normalUser.gid)
    const asUser = (mode: string) =>
      callAs<FreezeAsUserOutcome>(normalUser, new URL('../../support/freeze-as-user.ts', import.meta.url), 'freezeAsUser', {
        folder: own.path,
        source: tree.root,
        mode,
        provider: 'reflink',
      } as { folder: string })
    expect(await asUser('auto')).toMatchObject({ status: 'success', grade: 'stable', snapshot: { status: 'ready', provider: 'reflink' }, leases: [] })
    expect(await asUser('required')).toEqual({ error: expect.stringContaining('/roots could not be copied by reference'), stored: [] })
    expect(readdirSync(tree.root).toSorted()).toEqual(['mine', 'roots'])
  })
})

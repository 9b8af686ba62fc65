import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidv7 } from '../../../src/core/ids.ts'
import type { SnapshotRecord } from '../../../src/core/snapshot-lease.ts'
import { createBtrfsProvider } from '../../../src/engine/snapshots/btrfs/btrfs-provider.ts'
import { snapshotContract } from '../../../src/engine/snapshots/contract.ts'
import { createSnapshotHost } from '../../../src/engine/snapshots/snapshot-host.ts'
import { isRefusal, type SnapshotProvider } from '../../../src/engine/snapshots/snapshot-provider.ts'
import { callAs, normalUser } from '../../support/as-user.ts'
import type { FreezeAsUserOutcome } from '../../support/freeze-as-user.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, subvolumesOf, whyNoLoop } from '../../support/loop-filesystem.ts'
import { workFolder } from '../../support/work-folder.ts'

const why = await whyNoLoop('btrfs')
const newRunId = () => uuidv7(Date.now(), randomBytes(10))

describe.skipIf(why !== undefined)(`Btrfs${why === undefined ? '' : `: ${why}`}`, () => {
  let disk: LoopFilesystem
  let folder: Awaited<ReturnType<typeof workFolder>>
  let count = 0

  beforeAll(async () => {
    disk = await loopFilesystem('btrfs')
    folder = await workFolder()
  })
  afterAll(async () => {
    await disk[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  async function subvolume(on: LoopFilesystem = disk): Promise<string> {
    const made = path.join(on.path, `p${++count}`)
    await btrfs('subvolume', 'create', made)
    writeFileSync(path.join(made, 'file'), 'content')
    return made
  }

  const provider = (): SnapshotProvider => createBtrfsProvider(createSnapshotHost(process.env['PATH'] ?? ''))

  describe('keeps the contract', () => {
    test.for(['of the unit', 'of the work directory'])('with its holder %s', async (holder) => {
      for (const { name, run } of snapshotContract) {
        const directory = path.join(await subvolume(), 'dir')
        mkdirSync(directory)
        const workDirectory = holder === 'of the unit' ? folder.path : path.join(disk.path, `work${++count}`)
        mkdirSync(workDirectory, { recursive: true })
        await expect(run(provider(), { directory, workDirectory, nextRunId: newRunId }), name).resolves.toBeUndefined()
      }
      expect((await subvolumesOf(disk)).filter((name) => /bastion|source_snapshot/.test(name))).toEqual([])
    })
  })

  describe('deletes nothing but the snapshot of the lease', () => {
    async function planned(): Promise<SnapshotRecord> {
      const place = await provider().locate(await subvolume(), folder.path)
      if (isRefusal(place)) throw new Error(place.reason)
      return provider().plan(place.unit, { runId: newRunId(), number: 1, ownerToken: 'x'.repeat(16), runDirectory: folder.path })
    }
    const remove = async (record: SnapshotRecord) => {
      const fd = openSync('/dev/null', 'r')
      try {
        return await provider().remove(record, fd)
      } finally {
        closeSync(fd)
      }
    }
    const create = async (record: SnapshotRecord) => {
      const fd = openSync('/dev/null', 'r')
      try {
        const { made } = await provider().create([record], fd)
        if (isRefusal(made[0]!)) throw new Error(made[0].reason)
        return { ...record, identity: made[0]! } as SnapshotRecord
      } finally {
        closeSync(fd)
      }
    }

    test('not a subvolume of somebody else at its very path', async () => {
      const record = await planned()
      mkdirSync(path.dirname(record.path.text), { mode: 0o700 })
      await btrfs('subvolume', 'create', record.path.text)
      expect(await remove(record)).toMatchObject({ reason: expect.stringContaining('is no snapshot of the subvolume') })
      expect(existsSync(record.path.text)).toBe(true)
    })

    test('not a snapshot of another subvolume at its very path', async () => {
      const [record, other] = [await planned(), await subvolume()]
      mkdirSync(path.dirname(record.path.text), { mode: 0o700 })
      await btrfs('subvolume', 'snapshot', '-r', other, record.path.text)
      expect(await remove(record)).toMatchObject({ reason: expect.stringContaining('is no snapshot of the subvolume') })
    })

    test('not the subvolume itself, moved there', async () => {
      const record = await planned()
      mkdirSync(path.join(disk.path, 'elsewhere'))
      renameSync(record.root.text, path.join(disk.path, 'elsewhere', record.name))
      const moved = {
        ...record,
        path: { text: path.join(disk.path, 'elsewhere', record.name) },
        facts: { ...record.facts, holder_subvolume_id: '5' },
      }
      expect(await remove(moved)).toMatchObject({ reason: expect.stringContaining('left alone') })
    })

    test('not a directory or a link at its path', async () => {
      for (const kind of ['directory', 'link'] as const) {
        const record = await planned()
        mkdirSync(path.dirname(record.path.text), { mode: 0o700 })
        if (kind === 'directory') mkdirSync(record.path.text)
        else symlinkSync(record.root.text, record.path.text)
        expect(await remove(record), kind).toMatchObject({ reason: expect.any(String) })
        expect(existsSync(path.join(record.root.text, 'file'))).toBe(true)
      }
    })

    test('not one that was exchanged for another snapshot of the same subvolume', async () => {
      const record = await create(await planned())
      const aside = `${record.path.text}-aside`
      renameSync(record.path.text, aside)
      await btrfs('subvolume', 'snapshot', '-r', record.root.text, record.path.text)
      expect(await remove(record)).toMatchObject({ reason: expect.stringContaining('it is another subvolume') })
      await btrfs('subvolume', 'delete', record.path.text)
      renameSync(aside, record.path.text)
      expect(await remove(record)).toBeNull()
    })

    test('nothing in a holder that belongs to somebody else', async () => {
      const record = await planned()
      mkdirSync(path.dirname(record.path.text))
      chownSync(path.dirname(record.path.text), 1234, 1234)
      await expect(create(record)).rejects.toThrow('belongs to somebody else')
      expect(await remove(record)).toMatchObject({ reason: expect.stringContaining('belongs to somebody else') })
    })

    test('and does not take an unmounted filesystem for an empty one', async () => {
      await using other = await loopFilesystem('btrfs')
      const place = await provider().locate(await subvolume(other), folder.path)
      if (isRefusal(place)) throw new Error(place.reason)
      const record = await create(
        provider().plan(place.unit, { runId: newRunId(), number: 1, ownerToken: 'x'.repeat(16), runDirectory: folder.path }),
      )
      await other.unmount()
      expect(await remove(record)).toMatchObject({ reason: expect.stringContaining('is not mounted there') })
      await other.mount()
      expect(await remove(record)).toBeNull()
      expect((await subvolumesOf(other)).length).toBe(1)
    })

    test('a snapshot in which somebody has put a subvolume stays, and says so', async () => {
      const record = await create(await planned())
      await btrfs('property', 'set', '-ts', record.path.text, 'ro', 'false')
      await btrfs('subvolume', 'create', path.join(record.path.text, 'inside'))
      expect(await remove(record)).toMatchObject({ reason: expect.stringContaining('not empty') })
      await btrfs('subvolume', 'delete', path.join(record.path.text, 'inside'))
      expect(await remove(record)).toBeNull()
    })
  })

  describe('without root', () => {
    const module = new URL('../../support/freeze-as-user.ts', import.meta.url)

    async function owned(on: LoopFilesystem): Promise<{ folder: string; source: string }> {
      chmodSync(path.dirname(on.path), 0o755)
      chmodSync(on.path, 0o755)
      const source = await subvolume(on)
      chownSync(source, normalUser.uid, normalUser.gid)
      const own = path.join(folder.path, `user${++count}`)
      mkdirSync(own)
      chownSync(own, normalUser.uid, normalUser.gid)
      chmodSync(path.dirname(folder.path), 0o711)
      return { folder: own, source }
    }
    const asUser = (argument: { folder: string; source: string; mode: string }) =>
      callAs<FreezeAsUserOutcome>(normalUser, module, 'freezeAsUser', argument)

    test('a subvolume of one’s own is frozen where the mount lets its owner remove snapshots', async () => {
      await using other = await loopFilesystem('btrfs', { mount: 'user_subvol_rm_allowed' })
      const place = await owned(other)
      expect(await asUser({ ...place, mode: 'required' })).toMatchObject({
        status: 'success',
        grade: 'atomic_volume',
        entries: ['', '/file'],
        leases: [],
      })
      expect((await subvolumesOf(other)).length).toBe(1)
    })

    test('it is not frozen where nobody but root could remove the snapshot', async () => {
      const place = await owned(disk)
      const before = await subvolumesOf(disk)
      expect(await asUser({ ...place, mode: 'required' })).toEqual({
        error: expect.stringContaining('mounted without user_subvol_rm_allowed'),
        stored: [],
      })
      expect(await asUser({ ...place, mode: 'auto' })).toMatchObject({ status: 'success', grade: 'stable', snapshot: { status: 'unavailable' } })
      expect(await subvolumesOf(disk)).toEqual(before)
    })

    test('a nested subvolume that is not permitted is a hole with its path where it cannot be read either, and a required backup fails', async () => {
      await using other = await loopFilesystem('btrfs', { mount: 'user_subvol_rm_allowed' })
      const place = await owned(other)
      const [open, closed] = ['open', 'closed'].map((name) => path.join(place.source, name)) as [string, string]
      for (const nested of [open, closed]) await btrfs('subvolume', 'create', nested)
      writeFileSync(path.join(open, 'readable'), 'x')
      chmodSync(closed, 0o700)
      expect(await asUser({ ...place, mode: 'required' })).toEqual({ error: expect.stringContaining('belongs to another user'), stored: [] })
      const run = await asUser({ ...place, mode: 'auto' })
      expect(run).toMatchObject({ status: 'warning', grade: 'stable', snapshot: { status: 'ready' } })
      expect(run.entries).toContain('/open/readable')
      expect(Object.fromEntries(run.coverage!.map(({ path: at, read }) => [at, read]))).toMatchObject({
        [place.source]: 'snapshot',
        [open]: 'live',
        [closed]: 'hole',
      })
      expect(run.coverage!.find(({ path: at }) => at === closed)!.reason).toContain('permission denied')
      expect((await subvolumesOf(other)).length).toBe(3)
    })
  })
})

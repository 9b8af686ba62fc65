import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bastion, jsonLines, runBastion } from '../support/bastion-process.ts'
import { btrfs, loopFilesystem, subvolumesOf, whyNoLoop } from '../support/loop-filesystem.ts'
import { type SnapshotKillCase, snapshotKillCase } from '../support/snapshot-kill-case.ts'

const why = await whyNoLoop('btrfs')

// Kills at each step are test/proof/snapshot-kill.proof.ts.
describe.skipIf(why !== undefined)(`a backup through snapshots${why === undefined ? '' : `: ${why}`}`, () => {
  let place: SnapshotKillCase

  beforeAll(async () => {
    place = await snapshotKillCase()
  })
  afterAll(() => place[Symbol.asyncDispose]())

  test('is let alone by everybody else as long as it lives', async () => {
    const running = await place.startReading()
    const held = await place.subvolumes()
    expect(held.length).toBe(place.undisturbed.length + 2)
    const reaped = await bastion(['leases', 'reap', '--data-dir', place.dataDir, '--json'], place.options)
    expect(jsonLines(reaped.stdout)).toEqual([{ run_id: expect.any(String), removed: [], left: [], passed_over: 'its run is alive' }])
    expect(jsonLines((await bastion(['leases', '--data-dir', place.dataDir, '--json'], place.options)).stdout)).toMatchObject([{ state: 'held' }])
    expect(await place.subvolumes()).toEqual(held)
    expect((await running.ended).code).toBe(0)
    expect(await place.subvolumes()).toEqual(place.undisturbed)
  })

  test('says that it could not remove a snapshot, and it is gone after the cause is', async () => {
    place.meddle('refuse-delete')
    const { code, stdout } = await bastion(place.backupOf(place.source), { ...place.options, codes: [3] })
    expect(code).toBe(3)
    const lines = jsonLines(stdout)
    expect(lines.filter(({ kind }) => kind === 'snapshot_cleanup_failed')).toMatchObject([
      { level: 'warn', fields: { provider: 'btrfs', reason: expect.stringContaining('Device or resource busy') } },
      { level: 'warn' },
    ])
    expect(lines.find(({ kind }) => kind === 'result')).toMatchObject({
      status: 'warning',
      grade: 'atomic_volume',
      summary: { filesystem: { snapshot: { status: 'cleanup_failed' } } },
    })
    const reaped = await bastion(['leases', 'reap', '--data-dir', place.dataDir, '--json'], { ...place.options, codes: [3] })
    expect(jsonLines(reaped.stdout)).toMatchObject([{ removed: [], left: [{}, {}] }])
    expect(jsonLines((await bastion(['leases', '--data-dir', place.dataDir, '--json'], place.options)).stdout)).toMatchObject([
      { state: 'left', lease: { attempts: 2, last_error: expect.stringContaining('Device or resource busy') } },
    ])
    place.meddle(null)
    const next = await bastion(place.backupOf(place.source), place.options)
    expect(jsonLines(next.stdout).find(({ kind }) => kind === 'result')).toMatchObject({ status: 'success', grade: 'atomic_volume' })
    expect(await place.subvolumes()).toEqual(place.undisturbed)
    expect(place.leases()).toEqual([])
  })

  test('comes back after a power cut with a deletion that was not committed, and is removed again', async () => {
    await using crashed = await loopFilesystem('btrfs')
    // What stands on a disk at the moment of a power cut: the image as it was before the deletion was committed, with the lease of then.
    const there = path.join(crashed.path, 'source')
    await btrfs('subvolume', 'create', there)
    writeFileSync(path.join(there, 'file'), 'x')
    place.meddle('uncommitted-delete')
    expect((await runBastion(place.backupOf(there, crashed.path), place.options)).signal).toBe('SIGKILL')
    const [snapshot = ''] = place.leasedPaths()
    expect(existsSync(snapshot)).toBe(false)
    const image = readFileSync(crashed.image)
    await crashed.unmount()
    writeFileSync(crashed.image, image)
    await crashed.mount()
    expect(existsSync(snapshot)).toBe(true)
    await bastion(['leases', 'reap', '--data-dir', place.dataDir], place.options)
    expect(await subvolumesOf(crashed)).toEqual(['source'])
    expect(place.leases()).toEqual([])
  })
})

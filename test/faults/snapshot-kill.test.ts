import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BastionOptions, bastion, jsonLines, type RunningProcess, runBastion, startBastion } from '../support/bastion-process.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, subvolumesOf, whyNoLoop } from '../support/loop-filesystem.ts'
import { meddlingBtrfs, type Meddling, type MeddlingBtrfs } from '../support/meddling-btrfs.ts'
import { writeSampleFile } from '../support/sample-files.ts'
import { scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const why = await whyNoLoop('btrfs')
const rounds = scale(2, 20)

describe.skipIf(why !== undefined)(`a backup through snapshots that is killed${why === undefined ? '' : `: ${why}`}`, () => {
  let disk: LoopFilesystem
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let program: MeddlingBtrfs
  let source: string
  /** subvolumes of somebody else, named much like ours */
  let decoys: string[]
  const random = seededRandom()

  beforeAll(async () => {
    disk = await loopFilesystem('btrfs')
    folder = await temporaryFolder()
    program = meddlingBtrfs(folder.path)
    source = path.join(disk.path, 'source')
    await btrfs('subvolume', 'create', source)
    await btrfs('subvolume', 'create', path.join(source, 'nested'))
    writeFileSync(path.join(source, 'nested/file'), 'nested')
    writeSampleFile(path.join(source, 'large'), 8 * 2 ** 20)
    mkdirSync(path.join(source, '.bastion-snapshots'), { mode: 0o700 })
    for (const name of ['01a1fd05-fef3-705a-a4f8-33b44208a591-1', '01a1fd05-fef3-705a-a4f8-33b44208a591-10', 'mine']) {
      await btrfs('subvolume', 'snapshot', '-r', source, path.join(source, '.bastion-snapshots', name))
    }
    await btrfs('subvolume', 'create', path.join(disk.path, '.bastion-snapshots'))
    decoys = await subvolumesOf(disk)
  })
  afterAll(async () => {
    await disk[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const dataDir = () => path.join(folder.path, 'data')
  const options = (): BastionOptions => ({ env: { PATH: program.path, NO_COLOR: '1' } })
  const args = (...more: string[]) => [
    'backup',
    source,
    '--to',
    path.join(folder.path, 'target'),
    '--job-id',
    'kill',
    '--snapshot',
    'required',
    '--snapshot-root',
    disk.path,
    '--data-dir',
    dataDir(),
    '--json',
    ...more,
  ]
  const leaseNames = () => (existsSync(path.join(dataDir(), 'leases')) ? readdirSync(path.join(dataDir(), 'leases')) : [])

  /** Kills the process alone: what it has started lives on. */
  function killAlone(running: RunningProcess): void {
    process.kill(running.pid, 'SIGKILL')
  }

  async function expectNextStartCleans(): Promise<void> {
    program.set(null)
    const next = await bastion(args(), options())
    expect(jsonLines(next.stdout).find(({ kind }) => kind === 'result')).toMatchObject({ status: 'success', grade: 'atomic_volume' })
    expect(await subvolumesOf(disk)).toEqual(decoys)
    expect(leaseNames()).toEqual([])
  }

  test.for(['before-create', 'after-create', 'orphan-create', 'before-delete', 'uncommitted-delete', 'orphan-delete'] as const)(
    'leaves no snapshot and no lease after the next start: %s',
    async (step: Meddling) => {
      for (let round = 0; round < rounds; round++) {
        program.set(step)
        const { signal, stderr } = await runBastion(args(), options())
        expect(signal, stderr).toBe('SIGKILL')
        // The lease was there before anything was made, and is there until all is gone.
        expect(leaseNames().filter((name) => name.endsWith('.json'))).toHaveLength(1)
        await expectNextStartCleans()
      }
    },
  )

  test('leaves no snapshot and no lease after the next start: while it reads', async () => {
    for (let round = 0; round < rounds; round++) {
      const running = startBastion(args('--limit', '1'), options())
      await isReading()
      await new Promise((resolve) => setTimeout(resolve, random() * 300))
      killAlone(running)
      expect((await running.ended).signal).toBe('SIGKILL')
      expect((await subvolumesOf(disk)).length).toBe(decoys.length + 2)
      await expectNextStartCleans()
    }
  })

  test('is let alone by everybody else as long as it lives', async () => {
    const running = startBastion(args('--limit', '1'), options())
    await isReading()
    const held = await subvolumesOf(disk)
    const reaped = await bastion(['leases', 'reap', '--data-dir', dataDir(), '--json'], options())
    expect(jsonLines(reaped.stdout)).toEqual([{ run_id: expect.any(String), removed: [], left: [], passed_over: 'its run is alive' }])
    expect(jsonLines((await bastion(['leases', '--data-dir', dataDir(), '--json'], options())).stdout)).toMatchObject([{ state: 'held' }])
    expect(await subvolumesOf(disk)).toEqual(held)
    expect((await running.ended).code).toBe(0)
    expect(await subvolumesOf(disk)).toEqual(decoys)
  })

  test('says that it could not remove a snapshot, and it is gone after the cause is', async () => {
    program.set('refuse-delete')
    const { code, stdout } = await bastion(args(), { ...options(), codes: [3] })
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
    const reaped = await bastion(['leases', 'reap', '--data-dir', dataDir(), '--json'], { ...options(), codes: [3] })
    expect(jsonLines(reaped.stdout)).toMatchObject([{ removed: [], left: [{}, {}] }])
    expect(jsonLines((await bastion(['leases', '--data-dir', dataDir(), '--json'], options())).stdout)).toMatchObject([
      { state: 'left', lease: { attempts: 2, last_error: expect.stringContaining('Device or resource busy') } },
    ])
    await expectNextStartCleans()
  })

  test('comes back after a power cut with a deletion that was not committed, and is removed again', async () => {
    await using crashed = await loopFilesystem('btrfs')
    // What stands on a disk at the moment of a power cut: the image as it was before the deletion was committed, with the lease of then.
    const there = path.join(crashed.path, 'source')
    await btrfs('subvolume', 'create', there)
    writeFileSync(path.join(there, 'file'), 'x')
    const crashArgs = args().with(1, there).with(9, crashed.path)
    program.set('uncommitted-delete')
    expect((await runBastion(crashArgs, options())).signal).toBe('SIGKILL')
    const lease = leaseNames().find((name) => name.endsWith('.json'))
    const { snapshots } = JSON.parse(readFileSync(path.join(dataDir(), 'leases', lease!), 'utf8')) as { snapshots: { path: { text: string } }[] }
    expect(existsSync(snapshots[0]!.path.text)).toBe(false)
    const image = readFileSync(crashed.image)
    await crashed.unmount()
    writeFileSync(crashed.image, image)
    await crashed.mount()
    expect(existsSync(snapshots[0]!.path.text)).toBe(true)
    await bastion(['leases', 'reap', '--data-dir', dataDir()], options())
    expect(await subvolumesOf(crashed)).toEqual(['source'])
    expect(leaseNames()).toEqual([])
  })

  /** The lease says what was made, and then the payload is being stored. */
  async function isReading(): Promise<void> {
    for (;;) {
      const lease = leaseNames().find((name) => name.endsWith('.json'))
      if (lease !== undefined) {
        const { snapshots } = JSON.parse(readFileSync(path.join(dataDir(), 'leases', lease), 'utf8')) as { snapshots: { identity: unknown }[] }
        if (snapshots.every(({ identity }) => identity !== null)) return
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
})

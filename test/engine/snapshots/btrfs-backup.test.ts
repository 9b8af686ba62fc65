import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCode } from '../../../src/core/errors.ts'
import { reapLeases } from '../../../src/engine/snapshots/reaper.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { createNodeMaker } from '../../../src/lib/posix-mknod.ts'
import { type BackupOptions, type BackupRun, entriesBelow, objectsOf, restoreRun, runBackup } from '../../support/engine.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, mounted, subvolumesOf, whyNoLoop } from '../../support/loop-filesystem.ts'
import { eventsOf, leaseFiles, servicesFor } from '../../support/snapshot-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const why = await whyNoLoop('btrfs')

/** A target that takes nothing of the payload before something else is done. */
function heldTarget(inner: Target, until: () => Promise<unknown>): Target {
  return {
    ...inner,
    async put(key, body, options) {
      await until()
      return inner.put(key, body, options)
    },
  }
}

describe.skipIf(why !== undefined)(`a backup through a Btrfs snapshot${why === undefined ? '' : `: ${why}`}`, () => {
  let disk: LoopFilesystem
  let data: Awaited<ReturnType<typeof temporaryFolder>>
  let count = 0

  beforeAll(async () => {
    disk = await loopFilesystem('btrfs')
    data = await temporaryFolder()
  })
  afterAll(async () => {
    // Whatever a test did: nothing of ours is left on the disk.
    const left = await subvolumesOf(disk)
    await disk[Symbol.asyncDispose]()
    await data[Symbol.asyncDispose]()
    expect(left.filter((name) => name.includes('.bastion-snapshots') || name.includes('source_snapshot'))).toEqual([])
  })

  /** A new subvolume with a file in it. */
  async function subvolume(): Promise<string> {
    const made = path.join(disk.path, `s${++count}`)
    await btrfs('subvolume', 'create', made)
    writeFileSync(path.join(made, 'file'), 'content')
    return made
  }

  function freeze(source: string | string[], options: Partial<BackupOptions> = {}): Promise<BackupRun> {
    return runBackup({
      target: createMemoryTarget(),
      sources: [source].flat(),
      snapshots: servicesFor(data.path),
      ownDirectories: [data.path],
      ...options,
      spec: { snapshot_mode: 'required', ...options.spec },
    })
  }

  const readOf = (run: BackupRun) => Object.fromEntries(run.outcome.source.coverage.map(({ path: at, read }) => [at, read]))

  function expectNothingLeft(at: string): void {
    expect(existsSync(path.join(at, '.bastion-snapshots'))).toBe(false)
    expect(readdirSync(leaseFiles(data.path))).toEqual([])
  }

  test('of a subvolume is graded atomic_volume, tells what it did and leaves nothing', async () => {
    const source = await subvolume()
    const run = await freeze(source)
    expect(run.outcome).toMatchObject({ status: 'success', summary: { grade: 'atomic_volume' } })
    expect(run.outcome.manifest.snapshot).toMatchObject({ mode: 'required', status: 'ready', provider: 'btrfs' })
    expect(run.outcome.manifest.snapshot.units).toEqual([`btrfs:${disk.device}[/${path.basename(source)}]`])
    expect(eventsOf(run.events, 'snapshot_started')).toEqual([{ provider: 'btrfs', root: source }])
    expect(eventsOf(run.events, 'snapshot_ready')).toEqual([
      {
        provider: 'btrfs',
        snapshot_path: `${source}/.bastion-snapshots/${run.ref.runId}-1`,
        units: run.outcome.manifest.snapshot.units,
        skew_ms: expect.any(Number),
      },
    ])
    expect(readOf(run)).toEqual({ [source]: 'snapshot', [`${source}/.bastion-snapshots`]: 'own' })
    expect([...(await entriesBelow(run, source.slice(1))).keys()]).toEqual(['', '/file'])
    expectNothingLeft(source)
  })

  test('reads what was there when it was made, whatever happens after', async () => {
    const source = await subvolume()
    const run = await freeze(source, {
      onEvent: ({ kind }) => {
        if (kind !== 'snapshot_ready') return
        writeFileSync(path.join(source, 'file'), 'written later')
        writeFileSync(path.join(source, 'new'), 'made later')
      },
    })
    await using there = await temporaryFolder()
    await restoreRun(run, there.path)
    expect(readdirSync(path.join(there.path, source))).toEqual(['file'])
    expect(spawnSync('cat', [path.join(there.path, source, 'file')], { encoding: 'utf8' }).stdout).toBe('content')
  })

  test('of a directory inside a subvolume freezes the subvolume and stores the directory', async () => {
    const source = await subvolume()
    mkdirSync(path.join(source, 'a/b'), { recursive: true })
    writeFileSync(path.join(source, 'a/b/c'), 'c')
    const run = await freeze(path.join(source, 'a/b'))
    expect([...(await entriesBelow(run, source.slice(1))).keys()]).toEqual(['/a/b', '/a/b/c'])
    expect(readOf(run)).toEqual({ [`${source}/a/b`]: 'snapshot' })
    expectNothingLeft(source)
  })

  test('of several paths over several subvolumes freezes each once', async () => {
    const [one, two] = [await subvolume(), await subvolume()]
    mkdirSync(path.join(one, 'x'))
    mkdirSync(path.join(one, 'y'))
    const run = await freeze([path.join(one, 'x'), path.join(one, 'y'), path.join(two, 'file'), two])
    expect(run.outcome.manifest.snapshot.units).toHaveLength(2)
    expect(run.outcome.manifest.totals).toMatchObject({ files: 1, dirs: 3 })
    expect(run.outcome.summary.grade).toBe('atomic_volume')
  })

  test('of a single file is frozen too', async () => {
    const source = path.join(await subvolume(), 'file')
    const run = await freeze(source)
    expect(readOf(run)).toEqual({ [source]: 'snapshot' })
    expect(run.outcome.summary.grade).toBe('atomic_volume')
  })

  test('freezes nested subvolumes too and reads them in place', async () => {
    const source = await subvolume()
    mkdirSync(path.join(source, 'deep'))
    await btrfs('subvolume', 'create', path.join(source, 'deep/nested'))
    await btrfs('subvolume', 'create', path.join(source, 'deep/nested/more'))
    writeFileSync(path.join(source, 'deep/nested/more/file'), 'deepest')
    const run = await freeze(source)
    expect([...(await entriesBelow(run, source.slice(1))).keys()]).toEqual([
      '',
      '/deep',
      '/deep/nested',
      '/deep/nested/more',
      '/deep/nested/more/file',
      '/file',
    ])
    expect(readOf(run)).toMatchObject({ [`${source}/deep/nested`]: 'snapshot', [`${source}/deep/nested/more`]: 'snapshot' })
    expect(existsSync(path.join(source, 'deep/nested/.bastion-snapshots'))).toBe(false)
  })

  test('freezes no nested subvolume that a rule leaves out', async () => {
    const source = await subvolume()
    await btrfs('subvolume', 'create', path.join(source, 'cache'))
    const run = await freeze(source, { spec: { exclude: ['cache'] } })
    expect(run.outcome.manifest.snapshot.units).toHaveLength(1)
    expect([...(await entriesBelow(run, source.slice(1))).keys()]).toEqual(['', '/file'])
  })

  test('puts its snapshot in the run directory when that is on the same filesystem, and nothing into the source', async () => {
    const source = await subvolume()
    const dataDirectory = path.join(disk.path, `data${++count}`)
    const mtime = spawnSync('stat', ['-c', '%y', source]).stdout.toString()
    const run = await freeze(source, { snapshots: servicesFor(dataDirectory), dataDirectory })
    expect(eventsOf(run.events, 'snapshot_ready')[0]!['snapshot_path']).toMatch(
      new RegExp(`^${dataDirectory}/.*/source_snapshot/${run.ref.runId}-1$`),
    )
    expect(spawnSync('stat', ['-c', '%y', source]).stdout.toString()).toBe(mtime)
    expect(readdirSync(dataDirectory)).toEqual(['leases'])
  })

  test('leaves the data directory out where it lies in the source itself', async () => {
    const source = await subvolume()
    const dataDirectory = path.join(source, 'data')
    const run = await freeze(source, { snapshots: servicesFor(dataDirectory), dataDirectory, ownDirectories: [dataDirectory] })
    expect(readOf(run)).toEqual({ [source]: 'snapshot', [dataDirectory]: 'own' })
  })

  test('has the same entries as a live run of the same quiet tree, whatever the policies', async () => {
    const source = await subvolume()
    const at = (name: string) => path.join(source, name)
    for (const directory of ['keep/x', 'skip', 'outer/mnt', 'fs']) mkdirSync(at(directory), { recursive: true })
    for (const file of ['keep/x/a', 'keep/x/b.tmp', 'skip/c', 'z']) writeFileSync(at(file), file)
    spawnSync('ln', [at('z'), at('keep/hard link')])
    symlinkSync('../z', at('keep/link'))
    symlinkSync('/etc/hostname', at('keep/outside'))
    symlinkSync(at('outer'), at('keep/to a directory'))
    symlinkSync('nowhere', at('keep/dangling'))
    createNodeMaker()!(at('fifo'), 0o010644, [0, 0])
    await btrfs('subvolume', 'create', at('outer/nested'))
    writeFileSync(at('outer/nested/deep'), 'deep')
    await using _ = await mounted(['-t', 'tmpfs', 'bastion-test'], at('outer/mnt'))
    writeFileSync(at('outer/mnt/in memory'), 'in memory')
    await using __ = await mounted(['-t', 'proc', 'bastion-test'], at('fs'))
    await using ___ = await mounted(['--bind', at('keep')], at('skip'))
    const target = createMemoryTarget()
    // The snapshots stand beside the source, not in it: not even the time of its own directory is another one.
    const dataDirectory = path.join(disk.path, `data${++count}`)
    const ownDirectories = [dataDirectory]
    const snapshots = servicesFor(dataDirectory)
    for (const spec of [
      {},
      { one_file_system: true },
      { exclude: ['*.tmp', '/**/nested/'] },
      { include: ['**/a', 'deep'] },
      { symlink_policy: 'follow' as const },
      { symlink_policy: 'skip' as const, hardlink_policy: 'copy' as const },
    ]) {
      const frozen = await freeze(source, { target, snapshots, dataDirectory, ownDirectories, spec: { ...spec, snapshot_mode: 'auto' } })
      const live = await runBackup({ target, sources: [source], spec, ownDirectories })
      const entries = async (run: BackupRun) =>
        [...(await entriesBelow(run, source.slice(1))).values()].map(
          ({ at: _at, grade: _grade, bytes: _bytes, targetBytes: _target, ...entry }) => entry,
        )
      expect(frozen.outcome.manifest.snapshot.status).toBe('ready')
      expect(await entries(frozen), JSON.stringify(spec)).toEqual(await entries(live))
    }
  })

  test('tells in coverage what is read live because it cannot be frozen, and a required one fails with nothing stored', async () => {
    const source = await subvolume()
    mkdirSync(path.join(source, 'mnt'))
    await using _ = await mounted(['-t', 'tmpfs', 'bastion-test'], path.join(source, 'mnt'))
    writeFileSync(path.join(source, 'mnt/file'), 'live')
    const run = await freeze(source, { spec: { snapshot_mode: 'auto' } })
    expect(readOf(run)).toMatchObject({ [source]: 'snapshot', [`${source}/mnt`]: 'live' })
    expect(eventsOf(run.events, 'snapshot_unavailable')).toEqual([
      { reason: expect.stringContaining('tmpfs, which no snapshot provider can freeze'), paths: [`${source}/mnt`] },
    ])
    expect(run.outcome).toMatchObject({ status: 'success', summary: { grade: 'stable' } })
    const target = createMemoryTarget()
    await expect(freeze(source, { target })).rejects.toSatisfy((error) => hasCode(error, 'snapshot_unavailable') && error.message.includes('tmpfs'))
    expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
    const excluded = await freeze(source, { target, spec: { exclude: ['mnt'] } })
    expect(excluded.outcome.summary.grade).toBe('atomic_volume')
  })

  test('finds a subvolume that came to be while the snapshot was made: a hole with its path, and a required backup fails', async () => {
    const source = await subvolume()
    await btrfs('subvolume', 'create', path.join(source, 'late'))
    writeFileSync(path.join(source, 'late/file'), 'not in the snapshot')
    const services = servicesFor(data.path)
    // As if it had not been there when the units were looked for.
    const blind = services.providers.all.map((each) => ({ ...each, nested: async () => [] }))
    const snapshots = { ...services, providers: { all: blind, byName: (name: string) => blind.find(({ kind }) => kind === name) } }
    const run = await freeze(source, { snapshots, spec: { snapshot_mode: 'auto' } })
    expect(run.outcome).toMatchObject({ status: 'warning', summary: { grade: 'atomic_volume' } })
    expect(run.outcome.source.coverage).toContainEqual(expect.objectContaining({ path: `${source}/late`, read: 'hole' }))
    const target = createMemoryTarget()
    await expect(freeze(source, { snapshots, target })).rejects.toSatisfy(
      (error) => hasCode(error, 'snapshot_unavailable') && error.message.includes(`${source}/late`),
    )
    expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
    expectNothingLeft(source)
  })

  test('takes no hole for what is an empty directory live too: what was nested in the subvolume that a source is a snapshot of', async () => {
    const origin = await subvolume()
    await btrfs('subvolume', 'create', path.join(origin, 'nested'))
    const source = path.join(disk.path, `s${++count}`)
    await btrfs('subvolume', 'snapshot', origin, source)
    const run = await freeze(source)
    expect(run.outcome).toMatchObject({ status: 'success', summary: { grade: 'atomic_volume' } })
    expect([...(await entriesBelow(run, source.slice(1))).keys()]).toEqual(['', '/file', '/nested'])
  })

  test('reads a nested subvolume live that could not be frozen, tells it with its path and grades by it, and a required one fails with nothing stored', async () => {
    const source = await subvolume()
    await btrfs('subvolume', 'create', path.join(source, 'nested'))
    writeFileSync(path.join(source, 'nested/file'), 'nested')
    const { host } = servicesFor(data.path)
    const run: typeof host.run = (command) =>
      command.args[1] === 'snapshot' && command.args.at(-1)!.endsWith('-2')
        ? Promise.resolve({ code: 1, timedOut: false, stdout: '', stderr: 'ERROR: cannot snapshot: No space left on device' })
        : host.run(command)
    const snapshots = servicesFor(data.path, {}, { run })
    const auto = await freeze(source, { snapshots, spec: { snapshot_mode: 'auto' } })
    expect(auto.outcome).toMatchObject({ status: 'success', summary: { grade: 'stable' } })
    expect(auto.outcome.source.coverage).toContainEqual(
      expect.objectContaining({ path: `${source}/nested`, read: 'live', reason: expect.stringContaining('No space left on device') }),
    )
    expect(auto.events.filter(({ kind }) => kind === 'snapshot_unavailable')).toMatchObject([
      { level: 'warn', fields: { paths: [`${source}/nested`], reason: expect.stringContaining('No space left on device') } },
    ])
    const entries = await entriesBelow(auto, source.slice(1))
    expect(['/file', '/nested/file'].map((name) => entries.get(name)?.grade)).toEqual(['atomic_volume', 'stable'])
    const target = createMemoryTarget()
    await expect(freeze(source, { target, snapshots })).rejects.toSatisfy(
      (error) => hasCode(error, 'snapshot_unavailable') && error.message.includes(`${source}/nested`),
    )
    expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
    expectNothingLeft(source)
  })

  test('leaves out what another run has left, live or frozen', async () => {
    const source = await subvolume()
    let isStuck = false
    const findProgram = (name: string) => (isStuck ? '/bin/false' : `/usr/bin/${name}`)
    const left = servicesFor(path.join(data.path, 'other'), {}, { findProgram })
    const first = await freeze(source, { snapshots: left, onEvent: ({ kind }) => (isStuck ||= kind === 'packaging') })
    expect(first.outcome).toMatchObject({ status: 'warning', manifest: { snapshot: { status: 'cleanup_failed' } } })
    isStuck = false
    for (const snapshot_mode of ['off', 'auto', 'required'] as const) {
      const run = await freeze(source, { snapshots: left, spec: { snapshot_mode } })
      expect([...(await entriesBelow(run, source.slice(1))).keys()], snapshot_mode).toEqual(['', '/file'])
    }
    expect(await reapLeases(left.leases, left.providers, { waitMs: 0 })).toMatchObject([{ removed: [{}], kept: [] }])
    expect(existsSync(path.join(source, '.bastion-snapshots'))).toBe(false)
  })

  test('as a browsable tree is frozen as well, on a target of the same filesystem too', async () => {
    const source = await subvolume()
    await btrfs('subvolume', 'create', path.join(source, 'nested'))
    writeFileSync(path.join(source, 'nested/large'), Buffer.alloc(300_000, 'x'))
    for (const place of [path.join(disk.path, 'trees'), path.join(data.path, 'trees')]) {
      const target = createLocalDirTarget({ path: place })
      const run = await freeze(source, {
        target,
        pipeline: { format: 'raw_tree_v1' },
        onEvent: ({ kind }) => {
          if (kind === 'snapshot_ready') writeFileSync(path.join(source, 'file'), 'written later')
        },
      })
      expect(run.outcome).toMatchObject({ status: 'success', summary: { grade: 'atomic_volume' } })
      await using there = await temporaryFolder()
      await restoreRun(run, there.path)
      expect(readFileSync(path.join(there.path, source, 'file'), 'utf8')).toBe('content')
      expect(readFileSync(path.join(there.path, source, 'nested/large')).length).toBe(300_000)
      writeFileSync(path.join(source, 'file'), 'content')
      await target.close()
    }
  })

  test('follows a link out of what is frozen live, and a required one does not', async () => {
    const source = await subvolume()
    symlinkSync('/etc/hostname', path.join(source, 'outside'))
    symlinkSync(path.join(source, 'file'), path.join(source, 'inside'))
    const run = await freeze(source, { spec: { snapshot_mode: 'auto', symlink_policy: 'follow' } })
    const entries = await entriesBelow(run, source.slice(1))
    expect(['/file', '/inside', '/outside'].map((name) => entries.get(name)?.grade)).toEqual(['atomic_volume', 'atomic_volume', 'stable'])
    await expect(freeze(source, { spec: { symlink_policy: 'follow' } })).rejects.toThrow(
      '/outside is read through a link that leads out of what is frozen',
    )
  })

  test('of a bind mount of a directory goes through the mount that shows the whole subvolume', async () => {
    const source = await subvolume()
    mkdirSync(path.join(source, 'dir'))
    writeFileSync(path.join(source, 'dir/inside'), 'inside')
    await using folder = await temporaryFolder()
    await using _ = await mounted(['--bind', path.join(source, 'dir')], folder.path)
    const run = await freeze(folder.path)
    expect([...(await entriesBelow(run, folder.path.slice(1))).keys()]).toEqual(['', '/inside'])
    expect(readOf(run)).toEqual({ [folder.path]: 'snapshot' })
  })

  test('of a bind mount of a directory says so where the subvolume is mounted nowhere', async () => {
    const source = await subvolume()
    mkdirSync(path.join(source, 'dir'))
    await using folder = await temporaryFolder()
    await using _ = await mounted(['--bind', path.join(source, 'dir')], folder.path)
    const services = servicesFor(data.path)
    const mounts = new Map([...services.host.readMounts()].filter(([at]) => at === folder.path))
    const run = freeze(folder.path, { snapshots: servicesFor(data.path, {}, { readMounts: () => mounts }) })
    await expect(run).rejects.toThrow('shows only a part of its subvolume')
  })

  test('of a source named like a command backs it up, and runs no command', async () => {
    const odd = path.join(disk.path, `$(touch pwned);'"\n`)
    await btrfs('subvolume', 'create', odd)
    writeFileSync(path.join(odd, '-rf'), 'odd')
    const run = await freeze(odd)
    expect(run.outcome.summary.grade).toBe('atomic_volume')
    expect([...(await entriesBelow(run, odd.slice(1))).keys()]).toEqual(['', '/-rf'])
    expect(existsSync('pwned') || existsSync('/pwned') || existsSync(path.join(disk.path, 'pwned'))).toBe(false)
  })

  test.for([{}, { consistency_policy: 'fail' }] as const)('fails when the snapshot is taken away while it is read, and says so: %j', async (spec) => {
    const source = await subvolume()
    for (let i = 0; i < 300; i++) writeFileSync(path.join(source, `f${i}`), String(i))
    const target = createMemoryTarget()
    let snapshotPath = ''
    const run = freeze(source, {
      target,
      spec,
      onEvent: ({ kind, fields }) => {
        if (kind === 'packaging') spawnSync('btrfs', ['subvolume', 'delete', snapshotPath])
        if (kind === 'snapshot_ready') snapshotPath = String(fields['snapshot_path'])
      },
    })
    await expect(run).rejects.toSatisfy((error) => hasCode(error, 'snapshot_unavailable') && error.message.includes('not there any more'))
    expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
    expectNothingLeft(source)
  })

  describe('whose snapshot cannot be removed', () => {
    /** What stands in the way, on the snapshot and for real; done away with when it is disposed of. */
    const causes: { name: string; reason: RegExp; begin: (snapshot: string) => Promise<AsyncDisposable> }[] = [
      {
        name: 'it is busy: somebody sends it',
        reason: /Operation not permitted/,
        async begin(snapshot) {
          const send = spawn('btrfs', ['send', snapshot], { stdio: ['ignore', 'pipe', 'ignore'] })
          await once(send.stdout, 'readable') // and nobody reads on, so it waits
          return {
            async [Symbol.asyncDispose]() {
              send.kill('SIGKILL')
              send.stdout.destroy()
              await once(send, 'exit')
            },
          }
        },
      },
      {
        name: 'it is not permitted: somebody has made it the default subvolume',
        reason: /default subvolume/,
        async begin(snapshot) {
          await btrfs('subvolume', 'set-default', snapshot)
          return { [Symbol.asyncDispose]: async () => void (await btrfs('subvolume', 'set-default', '5', disk.path)) }
        },
      },
    ]
    test.for(causes)('because $name, is a warning that says so, and the snapshot is gone after the cause is', async ({ reason, begin }) => {
      const source = await subvolume()
      writeFileSync(path.join(source, 'large'), Buffer.alloc(2 ** 20, 'x'))
      const snapshots = servicesFor(data.path)
      const cause: Promise<AsyncDisposable>[] = []
      const held = heldTarget(createMemoryTarget(), () => Promise.all(cause))
      const run = await freeze(source, {
        target: held,
        snapshots,
        onEvent: ({ kind, fields }) => {
          if (kind === 'snapshot_ready') cause.push(begin(String(fields['snapshot_path'])))
        },
      })
      {
        await using _ = await cause[0]!
        expect(run.outcome).toMatchObject({
          status: 'warning',
          summary: { grade: 'atomic_volume', filesystem: { snapshot: { status: 'cleanup_failed', reason: expect.any(String) } } },
        })
        const told = {
          provider: 'btrfs',
          snapshot_path: `${source}/.bastion-snapshots/${run.ref.runId}-1`,
          reason: expect.stringMatching(reason),
        }
        expect(run.events.filter(({ kind }) => kind === 'snapshot_cleanup_failed')).toMatchObject([{ level: 'warn', fields: told }])
        expect(await reapLeases(snapshots.leases, snapshots.providers, { waitMs: 0 })).toMatchObject([{ removed: [], kept: [{}] }])
        expect(existsSync(told.snapshot_path)).toBe(true)
      }
      expect(await reapLeases(snapshots.leases, snapshots.providers, { waitMs: 0 })).toMatchObject([{ removed: [{}], kept: [] }])
      expectNothingLeft(source)
    })
  })

  describe('that is not to be had', () => {
    let ext4: LoopFilesystem
    let tmpfs: AsyncDisposable
    let inMemory: string
    beforeAll(async () => {
      ext4 = await loopFilesystem('ext4', { sizeBytes: 16 * 2 ** 20 })
      writeFileSync(path.join(ext4.path, 'file'), 'content')
      inMemory = path.join(data.path, 'in memory')
      mkdirSync(inMemory)
      tmpfs = await mounted(['-t', 'tmpfs', 'bastion-test'], inMemory)
      writeFileSync(path.join(inMemory, 'file'), 'content')
    })
    afterAll(async () => {
      await tmpfs[Symbol.asyncDispose]()
      await ext4[Symbol.asyncDispose]()
    })

    /** `remedy` is what a person is told to do about it. */
    const cases: { name: string; reason: RegExp; remedy: RegExp; options: () => Promise<Partial<BackupOptions> & { source?: string }> }[] = [
      {
        name: 'a path outside the allowed directories',
        reason: /not below a directory that this node allows/,
        remedy: /Allow it too: --snapshot-root \//,
        options: async () => ({ snapshots: servicesFor(data.path, { roots: ['/srv'] }) }),
      },
      {
        name: 'no allowed directory at all',
        reason: /allows source snapshots nowhere/,
        remedy: /Allow them: --snapshot-root \//,
        options: async () => ({ snapshots: servicesFor(data.path, { roots: [] }) }),
      },
      {
        name: 'a provider that is not enabled',
        reason: /btrfs is not enabled/,
        remedy: /Enabled are: zfs\. BASTION_SNAPSHOT_PROVIDERS/,
        options: async () => ({ snapshots: servicesFor(data.path, { enabled: ['zfs'] }) }),
      },
      {
        name: 'a provider nobody knows',
        reason: /no snapshot provider timemachine/,
        remedy: /There are btrfs, zfs, lvm/,
        options: async () => ({ spec: { snapshot_provider: 'timemachine' } }),
      },
      {
        name: 'no btrfs program',
        reason: /btrfs is not installed/,
        remedy: /Install btrfs-progs/,
        options: async () => ({ snapshots: servicesFor(data.path, {}, { findProgram: () => null }) }),
      },
      { name: 'a node without snapshots', reason: /not set up/, remedy: /--snapshot auto/, options: async () => ({ snapshots: undefined as never }) },
      {
        name: 'ext4',
        reason: /is on ext4 on \/dev\/loop\d+, which is no logical volume/,
        remedy: /Keep it on a logical volume, on Btrfs or on ZFS/,
        options: async () => ({ source: ext4.path }),
      },
      {
        name: 'a filesystem nobody freezes',
        reason: /which no snapshot provider can freeze/,
        remedy: /--exclude or --one-file-system/,
        options: async () => ({ source: inMemory, ownDirectories: [] }),
      },
    ]
    test.each(cases)(
      'for $name: required fails with nothing stored and says what to do, auto reads live with a warning event',
      async ({ reason, remedy, options }) => {
        const { source = await subvolume(), ...over } = await options()
        const target = createMemoryTarget()
        await expect(freeze(source, { target, ...over })).rejects.toSatisfy(
          (error) => hasCode(error, 'snapshot_unavailable') && reason.test(error.message) && remedy.test(error.hint ?? ''),
        )
        expect([...(await objectsOf(target, 'test-job')).keys()]).toEqual([])
        const run = await freeze(source, { target, ...over, spec: { ...over.spec, snapshot_mode: 'auto' } })
        expect(run.outcome).toMatchObject({ status: 'success', summary: { grade: 'stable' } })
        expect(run.outcome.manifest.snapshot).toMatchObject({ mode: 'auto', status: 'unavailable', reason: expect.stringMatching(reason) })
        expect(run.events.filter(({ kind }) => kind === 'snapshot_unavailable')).toMatchObject([
          { level: 'warn', fields: { reason: expect.stringMatching(reason) } },
        ])
      },
    )

    test('because the filesystem is mounted read-only says so', async () => {
      await using other = await loopFilesystem('btrfs')
      writeFileSync(path.join(other.path, 'file'), 'content')
      await other.unmount()
      await other.mount('ro')
      await expect(freeze(other.path)).rejects.toThrow(/mounted read-only/)
    })

    test('because of an active swap file says which', async (context) => {
      const source = await subvolume()
      const swap = path.join(source, 'swap')
      const made = spawnSync('sh', [
        '-c',
        `truncate -s 0 "$0" && chattr +C "$0" && dd if=/dev/zero of="$0" bs=1M count=16 status=none && chmod 600 "$0" && mkswap -q "$0" && swapon "$0"`,
        swap,
      ])
      if (made.status !== 0) context.skip(`no swap file here: ${made.stderr.toString()}`)
      try {
        await expect(freeze(source)).rejects.toThrow(new RegExp(`swap file ${swap} is in use`))
      } finally {
        spawnSync('swapoff', [swap])
      }
    })
  })
})

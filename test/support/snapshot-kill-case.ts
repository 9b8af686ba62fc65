import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type BastionOptions, type RunningProcess, startBastion } from './bastion-process.ts'
import { btrfs, type LoopFilesystem, loopFilesystem } from './loop-filesystem.ts'
import { type Meddling, type MeddlingBtrfs, meddlingBtrfs } from './meddling-btrfs.ts'
import { writeSampleFile } from './sample-files.ts'
import { leaseFiles } from './snapshot-case.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A source of two subvolumes on a Btrfs of its own, among decoys, and a `btrfs` program that kills who calls it. */
export interface SnapshotKillCase extends AsyncDisposable {
  readonly disk: LoopFilesystem
  readonly source: string
  readonly dataDir: string
  /** Subvolumes by path and UUID, as they were: of somebody else, named much like ours, and those of the source. */
  readonly undisturbed: readonly string[]
  readonly options: BastionOptions
  meddle(step: Meddling | null): void
  /** Arguments of a backup that requires snapshots. */
  backupOf(source: string, root?: string): string[]
  /** Starts a backup of the source that takes its time, and waits until it reads its snapshots. */
  startReading(): Promise<RunningProcess>
  /** What `undisturbed` is now. */
  subvolumes(): Promise<string[]>
  /** The files of the leases of the data directory. */
  leases(): string[]
  /** The paths of the snapshots that the one lease there is speaks of. */
  leasedPaths(): string[]
}

export async function snapshotKillCase(): Promise<SnapshotKillCase> {
  const disk = await loopFilesystem('btrfs')
  const folder = await temporaryFolder()
  const program: MeddlingBtrfs = meddlingBtrfs(folder.path)
  const dataDir = path.join(folder.path, 'data')
  const source = path.join(disk.path, 'source')
  await btrfs('subvolume', 'create', source)
  await btrfs('subvolume', 'create', path.join(source, 'nested'))
  writeFileSync(path.join(source, 'nested/file'), 'nested')
  writeSampleFile(path.join(source, 'large'), 8 * 2 ** 20)
  const holder = path.join(source, '.bastion-snapshots')
  mkdirSync(holder, { mode: 0o700 })
  for (const name of ['01a1fd05-fef3-705a-a4f8-33b44208a591-1', '01a1fd05-fef3-705a-a4f8-33b44208a591-10', 'mine']) {
    await btrfs('subvolume', 'snapshot', '-r', source, path.join(holder, name))
  }
  await btrfs('subvolume', 'create', path.join(disk.path, '.bastion-snapshots'))
  const options = { env: { PATH: program.path, NO_COLOR: '1' } }
  const leases = () => (existsSync(leaseFiles(dataDir)) ? readdirSync(leaseFiles(dataDir)) : [])

  function lease(): { snapshots: { path: { text: string }; identity: unknown }[] } | null {
    const name = leases().find((each) => each.endsWith('.json'))
    return name === undefined ? null : (JSON.parse(readFileSync(path.join(leaseFiles(dataDir), name), 'utf8')) as ReturnType<typeof lease>)
  }

  function backupOf(of: string, root = disk.path): string[] {
    const target = path.join(folder.path, 'target')
    return ['backup', of, '--to', target, '--job-id', 'kill', '--snapshot', 'required', '--snapshot-root', root, '--data-dir', dataDir, '--json']
  }

  /** By UUID: one that was removed and made anew is another one. */
  async function subvolumes(): Promise<string[]> {
    const list = await btrfs('subvolume', 'list', '-u', disk.path)
    return list
      .split('\n')
      .flatMap((line) => /uuid (.*)$/.exec(line)?.[1] ?? [])
      .toSorted()
  }

  return {
    disk,
    source,
    dataDir,
    undisturbed: await subvolumes(),
    options,
    meddle: (step) => program.set(step),
    backupOf,
    async startReading() {
      const running = startBastion([...backupOf(source), '--limit', '1'], options)
      // The lease says what was made, and then the payload is being stored.
      while (lease()?.snapshots.every(({ identity }) => identity !== null) !== true) {
        if (running.hasEnded) throw new Error(`it has ended before it read: ${(await running.ended).stderr}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return running
    },
    subvolumes,
    leases,
    leasedPaths: () => (lease()?.snapshots ?? []).map(({ path: at }) => at.text),
    async [Symbol.asyncDispose]() {
      await disk[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

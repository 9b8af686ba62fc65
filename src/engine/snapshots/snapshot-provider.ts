import type { SnapshotRecord } from '../../core/snapshot-lease.ts'
import type { SnapshotProviderKind } from '../../protocol/snapshot-descriptions.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import type { Mount } from '../../lib/mount-table.ts'
import type { CommandRunner } from '../../lib/run-command.ts'

/** What is frozen as a whole: a subvolume, a dataset, a logical volume. */
export interface SnapshotUnit {
  readonly provider: SnapshotProviderKind
  /** the same for every path of one unit, and for no other unit of this machine */
  readonly key: string
  /** for people, and in coverage: `btrfs:/dev/sda2[/srv]` */
  readonly label: string
  /** where its root is, live */
  readonly root: BytePath
  /** units that have this in common can have their snapshots in one holder */
  readonly filesystem: string
  /** the directory its snapshots stand in, or are mounted in; need not be there yet */
  readonly holder: BytePath
  /** as they go into the lease */
  readonly facts: Readonly<Record<string, string>>
}

/** A path by the unit it lies in. */
export interface UnitPlace {
  readonly unit: SnapshotUnit
  /** from the unit's root: "" or "/a/b" */
  readonly inside: BytePath
}

/** Why something cannot be done, and what a person can do about it. */
export interface Refusal {
  readonly reason: string
  readonly hint?: string
}

/** What a provider gets from the process it runs in. */
export interface SnapshotHost {
  readonly platform: NodeJS.Platform
  readonly run: CommandRunner
  /** @returns the absolute path, `null` when it is not installed */
  findProgram(name: string): string | null
  readMounts(): ReadonlyMap<BytePath, Mount>
  /** may administer filesystems: root, or as good as root */
  readonly isAdministrator: boolean
}

/** What a snapshot is made from and for. */
export interface SnapshotRequest {
  readonly runId: string
  /** counts the snapshots of a run from 1 */
  readonly number: number
  readonly ownerToken: string
  /** private to the run, and there */
  readonly runDirectory: BytePath
}

/** A snapshot that can be read. */
export interface OpenSnapshot {
  /** Where the unit's root is to be read; with `copyFile` where the copies are. */
  readonly root: BytePath
  /**
   * Present where a unit is frozen file by file: makes a copy of a live file, with its metadata, and says where it is; `null` when this one cannot be copied. Everything
   * else is read live.
   */
  readonly copyFile?: (live: BytePath, followed: boolean) => BytePath | null
  /** A directory with this inode number stands for a unit that is nested here and not frozen with it. */
  readonly placeholderIno?: number
  /** Whether it is still there and still whole: the kernel does not keep a snapshot from being removed while it is read. */
  check(): Promise<Refusal | null>
  /** What `remove` must not find in use any more. */
  close(): Promise<void>
}

/**
 * A way to freeze a source tree so that it reads as of one moment. A lease with its records is on disk before `create` is called and until `remove` has proven that nothing
 * is left. Expected failures are answers, not exceptions.
 */
export interface SnapshotProvider {
  readonly kind: SnapshotProviderKind
  /**
   * Which unit a path lies in, and whether it could be frozen here and now. Changes nothing anywhere.
   * @param path absolute, without links
   * @param workDirectory as in {@link SnapshotRequest}: near it a snapshot is put where that is possible
   */
  locate(path: BytePath, workDirectory: BytePath): Promise<UnitPlace | Refusal>
  /** The live roots of units nested below `path` that no mount table shows. Those that this process may not see are left out. */
  nested?(path: BytePath, place: UnitPlace): Promise<BytePath[]>
  /** Says what will be made and where. Changes nothing anywhere. */
  plan(unit: SnapshotUnit, request: SnapshotRequest): SnapshotRecord
  /**
   * Makes the planned snapshots one right after the other, or all at once where the system can.
   * @param lockFd inherited by every program that is started, so that the lease counts as held until the last of them has ended
   * @returns for each record its identity, or why there is none. Something may have been made even then: `remove` looks.
   */
  create(records: readonly SnapshotRecord[], lockFd: number): Promise<CreateOutcome>
  /** Makes a snapshot readable. Refuses what is not the snapshot of the record. */
  open(record: SnapshotRecord): Promise<OpenSnapshot | Refusal>
  /**
   * Removes exactly the snapshot of the record, after checking that it is the one, and proves that it is gone for good, also after a power cut. Nothing
   * there is no refusal; a filesystem that is not mounted is, for nobody can say what is on it.
   * @returns `null` when nothing is left
   */
  remove(record: SnapshotRecord, lockFd: number): Promise<Refusal | null>
}

export interface CreateOutcome {
  readonly made: readonly (Readonly<Record<string, string>> | Refusal)[]
  /** all of them belong to one moment */
  readonly isAtomicSet: boolean
}

export function isRefusal<T>(answer: T | Refusal): answer is Refusal {
  return typeof answer === 'object' && answer !== null && 'reason' in answer
}

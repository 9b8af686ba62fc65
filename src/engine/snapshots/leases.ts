import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BastionError } from '../../core/errors.ts'
import { type SnapshotLease, snapshotLeaseSchema } from '../../core/snapshot-lease.ts'
import { bootId } from '../../lib/boot-id.ts'
import { removeDurably, writeDurably } from '../../lib/durable-file.ts'
import { createFileLocker, type FileLock } from '../../lib/file-lock.ts'

/** A lease nobody else can touch: its lock is held by this process and by the programs that inherit `lockFd`, and let go when the last of them ends. */
export interface LeaseHold extends Disposable {
  readonly lease: SnapshotLease
  readonly lockFd: number
  /** On disk when it returns. @throws the system's error */
  save(lease: SnapshotLease): void
  /** Nothing is left of its snapshots: forgets it. */
  finish(): void
}

/** `held`: its run is alive, or a program of it is. `damaged`: somebody wrote into the file; it is left for a person to look at. */
export type FoundLease = { runId: string } & ({ state: 'held' | 'left'; lease: SnapshotLease } | { state: 'damaged'; message: string })

/** The leases of a node: `<data directory>/leases`. */
export interface LeaseStore {
  /** In the order the runs began. */
  list(): FoundLease[]
  /** A new lease, locked, and not on disk before its first `save`. @throws BastionError snapshot_unavailable where leases cannot be kept */
  begin(lease: Omit<SnapshotLease, 'v' | 'pid' | 'boot_id' | 'snapshots' | 'attempts'>): LeaseHold
  /**
   * Takes over what a run has left.
   * @returns `held` while somebody else holds it, `gone` when there is nothing to take any more
   * @throws Error when the file cannot be understood
   */
  claim(runId: string): LeaseHold | 'held' | 'gone'
  /** Forgets a lease, damaged or not, and leaves its snapshots to the person who says so. */
  forget(runId: string): 'forgotten' | 'held' | 'gone'
}

export function openLeases(dataDirectory: string): LeaseStore {
  const directory = join(dataDirectory, 'leases')
  const tryLock = createFileLocker()
  const fileOf = (runId: string) => join(directory, `${runId}.json`)
  const lockOf = (runId: string) => join(directory, `${runId}.lock`)

  function lock(runId: string): FileLock | null {
    if (tryLock === null) throw new BastionError('snapshot_unavailable', 'leases need flock(2), and the C library of this machine cannot be called')
    return tryLock(lockOf(runId))
  }

  function hold(lease: SnapshotLease, held: FileLock): LeaseHold {
    let current = lease
    return {
      get lease() {
        return current
      },
      lockFd: held.fd,
      save(next) {
        writeDurably(fileOf(next.run_id), `${JSON.stringify(next, null, 2)}\n`)
        current = next
      },
      finish() {
        removeDurably(fileOf(lease.run_id))
        rmSync(lockOf(lease.run_id), { force: true })
      },
      [Symbol.dispose]: () => held[Symbol.dispose](),
    }
  }

  function isHeld(runId: string): boolean {
    const held = lock(runId)
    held?.[Symbol.dispose]()
    return held === null
  }

  return {
    list() {
      const found: FoundLease[] = []
      for (const name of namesIn(directory).toSorted()) {
        if (!name.endsWith('.json')) continue
        const runId = name.slice(0, -'.json'.length)
        try {
          const lease = readLease(fileOf(runId))
          if (lease !== null) found.push({ runId, state: isHeld(runId) ? 'held' : 'left', lease })
        } catch (error) {
          found.push({ runId, state: 'damaged', message: error instanceof Error ? error.message : String(error) })
        }
      }
      return found
    },
    begin(facts) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 })
        const held = lock(facts.run_id)
        if (held === null) throw new Error('another process holds the lock')
        return hold({ v: 1, ...facts, pid: process.pid, boot_id: bootId(), snapshots: [], attempts: 0 }, held)
      } catch (error) {
        if (error instanceof BastionError) throw error
        throw new BastionError('snapshot_unavailable', `the lease of a snapshot cannot be kept in ${directory}: ${(error as Error).message}`, {
          cause: error,
          hint: 'Let --data-dir name a directory that can be written.',
        })
      }
    },
    claim(runId) {
      if (readLease(fileOf(runId)) === null) return 'gone'
      const held = lock(runId)
      if (held === null) return 'held'
      // What stands in it now: its run may have ended between the two looks.
      const lease = readLease(fileOf(runId))
      if (lease !== null) return hold(lease, held)
      rmSync(lockOf(runId), { force: true })
      held[Symbol.dispose]()
      return 'gone'
    },
    forget(runId) {
      if (!existsSync(fileOf(runId))) return 'gone'
      using held = lock(runId)
      if (held === null) return 'held'
      removeDurably(fileOf(runId))
      rmSync(lockOf(runId), { force: true })
      return 'forgotten'
    },
  }
}

/** @returns `null` when it is not there. @throws Error when it is no lease */
function readLease(file: string): SnapshotLease | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  return snapshotLeaseSchema.parse(JSON.parse(text))
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

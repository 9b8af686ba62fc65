import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BastionError } from '../core/errors.ts'
import { runIdSchema } from '../core/ids.ts'
import { capturesName } from '../engine/sources/sqlite/capture-source.ts'
import { storeDurably } from '../lib/durable-file.ts'
import { createFileLocker, type FileLock } from '../lib/file-lock.ts'
import { syncDirectory } from '../lib/posix-sync.ts'
import { type RunnerTask, runnerTaskSchema } from '../protocol/runner-messages.ts'

/** Where what stands in `<data directory>/runs/<run_id>`; see docs/design/runs-on-a-node.md. */
export const runFiles = {
  plan: 'plan.json',
  lock: 'lock',
  journal: 'journal.ndjson',
  socket: 'runner.sock',
  log: 'runner.log',
  acknowledged: 'acknowledged',
} as const

export interface FoundRun {
  runId: string
  directory: string
  /** the Hub has kept all of it */
  acknowledged: boolean
}

/** The run directories of a node. */
export interface RunDirectories {
  /** Those of accepted runs, in the order the runs came to be. @throws the system's error */
  list(): Promise<FoundRun[]>
  /** Removes what an executor that was killed has left half made; while none is at work. */
  removeHalfMade(): Promise<void>
  /**
   * Makes the directory of a run, durable with its plan and an empty journal when it resolves.
   * @returns its lock, held, which the runner is to inherit
   * @throws the system's error
   */
  make(task: RunnerTask): Promise<{ directory: string; lock: FileLock }>
  /** `null` while its runner lives. */
  tryLock(directory: string): FileLock | null
  /** Whether the runner of a run of this node lives. */
  isAlive(runId: string): boolean
  /** Notes for good that the Hub has kept everything. */
  acknowledge(directory: string): Promise<void>
  /** Removes what is ours of an acknowledged run. @returns whether all is gone: snapshots that still stand there are the reaper's */
  remove(directory: string): Promise<boolean>
}

/** @throws BastionError unsupported where the machine has no flock(2) */
export function openRunDirectories(dataDir: string): RunDirectories {
  const runs = join(dataDir, 'runs')
  const locker = createFileLocker()
  if (locker === null) throw new BastionError('unsupported', 'runs need flock(2), and the C library of this machine cannot be called')
  const tryLock = (directory: string) => locker(join(directory, runFiles.lock))

  async function remove(directory: string): Promise<boolean> {
    const names = await namesIn(directory)
    // The mark goes last: what a crash leaves is known as ours then.
    for (const name of names.filter((each) => isOurs(each) && each !== runFiles.acknowledged))
      await rm(join(directory, name), { recursive: name === capturesName, force: true })
    if (names.some((name) => !isOurs(name))) return false
    await rm(join(directory, runFiles.acknowledged), { force: true })
    await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    return true
  }

  return {
    async list() {
      const found: FoundRun[] = []
      for (const name of (await namesIn(runs)).toSorted()) {
        const directory = join(runs, name)
        if (!runIdSchema.safeParse(name).success) continue
        const names = new Set(await namesIn(directory))
        // A plan tells ours from those of others, such as `bastion backup`.
        if (names.has(runFiles.acknowledged) || names.has(runFiles.plan))
          found.push({ runId: name, directory, acknowledged: names.has(runFiles.acknowledged) })
      }
      return found
    },
    async removeHalfMade() {
      for (const name of await namesIn(runs)) if (isHalfMade(name)) await remove(join(runs, name))
    },
    async make(task) {
      const { run_id: runId } = task.plan
      const directory = join(runs, runId)
      const halfMade = join(runs, `.${runId}.new`)
      await remove(halfMade)
      await mkdir(halfMade, { recursive: true, mode: 0o700 })
      const lock = tryLock(halfMade)
      if (lock === null) throw new Error(`${halfMade} is locked by somebody else`)
      try {
        await (await open(join(halfMade, runFiles.journal), 'wx', 0o600)).close()
        await storeDurably(join(halfMade, runFiles.plan), `${JSON.stringify(task, null, 2)}\n`)
        await rename(halfMade, directory)
        await syncDirectory(runs)
      } catch (error) {
        lock[Symbol.dispose]()
        throw error
      }
      return { directory, lock }
    },
    tryLock,
    isAlive(runId) {
      const directory = join(runs, runId)
      if (!existsSync(join(directory, runFiles.plan))) return false
      using lock = tryLock(directory)
      return lock === null
    },
    acknowledge: (directory) => storeDurably(join(directory, runFiles.acknowledged), ''),
    remove,
  }
}

/** What a runner is to do. @throws Error when it cannot be understood */
export async function readRunnerTask(directory: string): Promise<RunnerTask> {
  return runnerTaskSchema.parse(JSON.parse(await readFile(join(directory, runFiles.plan), 'utf8')))
}

function isHalfMade(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.new') && runIdSchema.safeParse(name.slice(1, -'.new'.length)).success
}

/** Also the spill of an index and copies of databases, which a killed run may have left. */
function isOurs(name: string): boolean {
  return name === capturesName || Object.values<string>(runFiles).includes(name.replace(/\.tmp$/, '')) || /^\.index-[0-9a-f]{16}$/.test(name)
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

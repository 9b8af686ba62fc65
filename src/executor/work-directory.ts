import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BastionError } from '../core/errors.ts'
import { runIdSchema } from '../core/ids.ts'
import { capturesName } from '../engine/sources/sqlite/capture-source.ts'
import type { WorkNoun } from '../core/work-state.ts'
import { storeDurably } from '../lib/durable-file.ts'
import { createFileLocker, type FileLock } from '../lib/file-lock.ts'
import { syncDirectory } from '../lib/posix-sync.ts'
import { type RunnerTask, runnerTaskSchema } from '../protocol/runner-messages.ts'

/** Where what stands in the directory of a run or an operation, `<data directory>/runs/<run_id>` or `<data directory>/operations/<operation_id>`; see docs/design/runs-on-a-node.md. */
export const workFiles = {
  plan: 'plan.json',
  lock: 'lock',
  journal: 'journal.ndjson',
  socket: 'runner.sock',
  log: 'runner.log',
  /** what a drill brings back */
  scratch: 'scratch',
  acknowledged: 'acknowledged',
} as const

export interface FoundWork {
  id: string
  directory: string
  /** the Hub has kept all of it */
  acknowledged: boolean
}

/** The directories of the runs of a node, or of its operations. */
export interface WorkDirectories {
  /** Those of what was accepted, in the order it came to be. @throws the system's error */
  list(): Promise<FoundWork[]>
  /** Removes what an executor that was killed has left half made; while none is at work. */
  removeHalfMade(): Promise<void>
  /**
   * Makes the directory of a task, durable with its plan and an empty journal when it resolves.
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
  /** Removes what is ours of what was acknowledged. @returns whether all is gone: snapshots and trees that still stand there are the reaper's */
  remove(directory: string): Promise<boolean>
}

/** @throws BastionError unsupported where the machine has no flock(2) */
export function openWorkDirectories(dataDir: string, noun: WorkNoun): WorkDirectories {
  const parent = join(dataDir, `${noun}s`)
  const locker = createFileLocker()
  if (locker === null) throw new BastionError('unsupported', 'runs need flock(2), and the C library of this machine cannot be called')
  const tryLock = (directory: string) => locker(join(directory, workFiles.lock))

  async function remove(directory: string): Promise<boolean> {
    const names = await namesIn(directory)
    // The mark goes last: what a crash leaves is known as ours then.
    for (const name of names.filter((each) => isOurs(each) && each !== workFiles.acknowledged))
      await rm(join(directory, name), { recursive: name === capturesName, force: true })
    if (names.some((name) => !isOurs(name))) return false
    await rm(join(directory, workFiles.acknowledged), { force: true })
    await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    return true
  }

  return {
    async list() {
      const found: FoundWork[] = []
      for (const name of (await namesIn(parent)).toSorted()) {
        const directory = join(parent, name)
        if (!runIdSchema.safeParse(name).success) continue
        const names = new Set(await namesIn(directory))
        // A plan tells ours from those of others, such as `bastion backup`.
        if (names.has(workFiles.acknowledged) || names.has(workFiles.plan))
          found.push({ id: name, directory, acknowledged: names.has(workFiles.acknowledged) })
      }
      return found
    },
    async removeHalfMade() {
      for (const name of await namesIn(parent)) if (isHalfMade(name)) await remove(join(parent, name))
    },
    async make(task) {
      const id = taskId(task)
      const directory = join(parent, id)
      const halfMade = join(parent, `.${id}.new`)
      await remove(halfMade)
      await mkdir(halfMade, { recursive: true, mode: 0o700 })
      const lock = tryLock(halfMade)
      if (lock === null) throw new Error(`${halfMade} is locked by somebody else`)
      try {
        await (await open(join(halfMade, workFiles.journal), 'wx', 0o600)).close()
        await storeDurably(join(halfMade, workFiles.plan), `${JSON.stringify(task, null, 2)}\n`)
        await rename(halfMade, directory)
        await syncDirectory(parent)
      } catch (error) {
        lock[Symbol.dispose]()
        throw error
      }
      return { directory, lock }
    },
    tryLock,
    isAlive(id) {
      const directory = join(parent, id)
      if (!existsSync(join(directory, workFiles.plan))) return false
      using lock = tryLock(directory)
      return lock === null
    },
    acknowledge: (directory) => storeDurably(join(directory, workFiles.acknowledged), ''),
    remove,
  }
}

export function taskId(task: RunnerTask): string {
  return 'plan' in task ? task.plan.run_id : task.operation.operation_id
}

/** What a runner is to do. @throws Error when it cannot be understood */
export async function readRunnerTask(directory: string): Promise<RunnerTask> {
  return runnerTaskSchema.parse(JSON.parse(await readFile(join(directory, workFiles.plan), 'utf8')))
}

function isHalfMade(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.new') && runIdSchema.safeParse(name.slice(1, -'.new'.length)).success
}

/** Also the spill of an index and copies of databases, which a killed run may have left. */
function isOurs(name: string): boolean {
  if (name === workFiles.scratch) return false
  return name === capturesName || Object.values<string>(workFiles).includes(name.replace(/\.tmp$/, '')) || /^\.index-[0-9a-f]{16}$/.test(name)
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

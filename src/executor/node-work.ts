import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { type Failure, failureOf } from '../core/run.ts'
import type { WorkNoun } from '../core/work-state.ts'
import type { HandedCredentials, RunnerTask } from '../protocol/runner-messages.ts'
import { type FollowedWork, followWork, type WorkListener } from './followed-work.ts'
import { startRunner } from './start-runner.ts'
import { openWorkDirectories } from './work-directory.ts'

/** Is told of an offer too. */
export interface OfferListener extends WorkListener {
  accepted(): void
  refused(error: Failure): void
}

/** The runs, or the operations, of a node: from their offer until the Hub has kept all of them. */
export interface NodeWork {
  /** Starts it, unless it was; hands it credentials either way. `to` is told of that, and listens from then on. */
  offer(id: string, makeTask: () => Promise<RunnerTask>, credentials: HandedCredentials, to: OfferListener): Promise<void>
  cancel(id: string): Promise<void>
  attach(id: string, afterSeq: number, to: WorkListener): Promise<void>
  /** The Hub has kept all of it: it is forgotten, when it has ended. @returns whether all that was its own is removed */
  acknowledge(id: string): Promise<boolean>
  known(): Promise<{ id: string; lastSeq: number; ended: boolean }[]>
  /** Nobody listens any more. */
  detach(): void
  /** Removes what was acknowledged and could not be removed then. */
  removeAcknowledged(): Promise<void>
  /** Leaves the runners to themselves. */
  close(): Promise<void>
}

export interface NodeWorkOptions {
  noun: WorkNoun
  dataDir: string
  /** what `bastion runner` is called here */
  runnerCommand: readonly string[]
  /** at once; more are refused as `node_busy` */
  limit: number
  /** how long it may take to end after a cancel before its runner is killed */
  killAfterMs: number
  clock: Clock
  report: (problem: string) => void
}

/** What was acknowledged is remembered so long, for an offer that comes once more. */
const remembered = 10_000

/** Finds what executors before this one have left, and follows it. @throws BastionError unsupported · the system's errors */
export async function openNodeWork(options: NodeWorkOptions): Promise<NodeWork> {
  const { noun, runnerCommand, limit, killAfterMs, clock, report } = options
  const directories = openWorkDirectories(options.dataDir, noun)
  const works = new Map<string, Promise<FollowedWork>>()
  const followed = new Map<string, FollowedWork>()
  const forgotten = new Set<string>()
  let closed = false

  function follow(id: string, directory: string): FollowedWork {
    const work = followWork({ noun, id, directory, directories, clock, killAfterMs, report })
    followed.set(id, work)
    return work
  }

  async function start(id: string, makeTask: () => Promise<RunnerTask>, credentials: HandedCredentials): Promise<FollowedWork> {
    const underWay = [...works.keys()].filter((each) => followed.get(each)?.ended !== true).length
    if (closed || underWay >= limit) throw new BastionError('node_busy', `the node carries out ${underWay} ${noun}s, and no more at once`)
    const { directory, lock } = await directories.make(await makeTask())
    using _held = lock
    startRunner(runnerCommand, directory, lock, (error) => report(`the runner of ${noun} ${id} does not start: ${error.message}`))
    const work = follow(id, directory)
    work.giveCredentials(credentials)
    return work
  }

  /** With a piece of work, when it is known and was accepted. */
  async function withWork(id: string, act: (work: FollowedWork) => void): Promise<void> {
    const work = await works.get(id)?.catch(() => null)
    if (work !== undefined && work !== null) act(work)
  }

  try {
    await directories.removeHalfMade()
    for (const { id, directory, acknowledged } of await directories.list()) if (!acknowledged) works.set(id, Promise.resolve(follow(id, directory)))
  } catch (error) {
    for (const work of followed.values()) await work.close()
    throw error
  }

  return {
    async offer(id, makeTask, credentials, to) {
      if (forgotten.has(id)) return
      const before = works.get(id)
      const starting = before ?? start(id, makeTask, credentials)
      works.set(id, starting)
      try {
        const work = await starting
        if (before !== undefined) work.giveCredentials(credentials)
        to.accepted()
        work.attach(0, to)
      } catch (error) {
        if (before !== undefined) return
        works.delete(id)
        to.refused(failureOf(error))
      }
    },
    cancel: (id) => withWork(id, (work) => work.cancel()),
    attach: (id, afterSeq, to) => withWork(id, (work) => work.attach(afterSeq, to)),
    async acknowledge(id) {
      const work = followed.get(id)
      if (work === undefined || !work.ended || !followed.delete(id)) return true
      await directories.acknowledge(work.directory)
      works.delete(id)
      forgotten.add(id)
      if (forgotten.size > remembered) forgotten.delete(forgotten.values().next().value!)
      await work.close()
      return await directories.remove(work.directory)
    },
    known: () => Promise.all([...followed.values()].map(async (work) => ({ id: work.id, ...(await work.known()) }))),
    detach() {
      for (const work of followed.values()) work.detach()
    },
    async removeAcknowledged() {
      for (const { directory, acknowledged } of await directories.list()) if (acknowledged) await directories.remove(directory)
    },
    async close() {
      closed = true
      await Promise.allSettled(works.values())
      await Promise.all([...followed.values()].map((work) => work.close()))
    },
  }
}

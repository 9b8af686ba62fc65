import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { failureOf } from '../core/run.ts'
import { openLeases } from '../engine/snapshots/leases.ts'
import { bootId } from '../lib/boot-id.ts'
import { createFileLocker, type FileLock } from '../lib/file-lock.ts'
import type { ByteStreams } from '../protocol/byte-streams.ts'
import { jobTargetKinds } from '../protocol/job-spec.ts'
import { type HubMessage, type NodeEnd, type NodeMessage, protocolVersions } from '../protocol/node-messages.ts'
import { nodeReplies } from '../protocol/node-replies.ts'
import type { NodeMeans } from '../protocol/runner-messages.ts'
import type { Credentials, RunPlan } from '../protocol/run-plan.ts'
import { type FollowedRun, followRun } from './followed-run.ts'
import { openLocalTargets } from './local-targets.ts'
import { createNodeRequests } from './node-requests.ts'
import { startRequest } from './request-process.ts'
import { openRunDirectories } from './run-directory.ts'
import { startRunner } from './start-runner.ts'

/** What a node allows. It is its own configuration: no Hub can widen it. */
export interface NodePolicy {
  /** directories that may be looked into; `/` allows all */
  browseRoots: readonly string[]
  snapshotRoots: readonly string[]
  /** absent: all */
  snapshotProviders?: readonly string[]
}

export interface ExecutorOptions {
  dataDir: string
  /** what `bastion runner` is called here: program and arguments, absolute */
  runnerCommand: readonly string[]
  policy: NodePolicy
  streams: ByteStreams
  /** of this program, told to the Hub */
  version: string
  clock: Clock
  /** told of what nobody waits for and a person should see */
  report: (problem: string) => void
  limits?: {
    /** runs at once; more are refused as `node_busy` */
    runs?: number
    /** requests answered at once; more wait */
    requests?: number
    /** how long a run may take to end after a cancel before its runner is killed */
    killAfterMs?: number
  }
}

/** Carries out work on this machine, in processes of their own that outlive it; see docs/design/runs-on-a-node.md. */
export interface Executor extends AsyncDisposable {
  /** Says hello to a Hub and serves it until the link closes. A new link takes the place of the one before; runs go on meanwhile. */
  connect(link: NodeEnd): Promise<void>
}

const defaultLimits = { runs: 8, requests: 4, killAfterMs: 30_000 }
const heartbeatMs = 15_000
const reapEveryMs = 60 * 60_000
/** What was acknowledged is remembered so long, for an offer that comes once more. */
const rememberedRuns = 10_000

/**
 * Finds the runs that executors before this one have left, and follows them.
 * @throws BastionError conflict while another executor uses the data directory · unsupported · the system's errors
 */
export async function openExecutor(options: ExecutorOptions): Promise<Executor> {
  const { dataDir, runnerCommand, policy, clock, report } = options
  const limits = { ...defaultLimits, ...options.limits }
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const lock = lockDataDirectory(dataDir)
  const directories = openRunDirectories(dataDir)
  const localTargets = await openLocalTargets(dataDir)
  const runs = new Map<string, Promise<FollowedRun>>()
  const followed = new Map<string, FollowedRun>()
  const forgotten = new Set<string>()
  let link: NodeEnd | null = null
  let closed = false
  let reaping: Promise<void> | null = null

  const means = (): NodeMeans => ({
    data_dir: dataDir,
    own_directories: [...localTargets.paths],
    snapshot_roots: [...policy.snapshotRoots],
    ...(policy.snapshotProviders === undefined ? {} : { snapshot_providers: [...policy.snapshotProviders] }),
  })
  const requests = createNodeRequests({ runnerCommand, streams: options.streams, means, browseRoots: policy.browseRoots, atOnce: limits.requests })

  function follow(runId: string, directory: string): FollowedRun {
    const run = followRun({ runId, directory, directories, clock, killAfterMs: limits.killAfterMs, report })
    followed.set(runId, run)
    return run
  }

  async function start(plan: RunPlan, credentials: Credentials): Promise<FollowedRun> {
    const { run_id: runId } = plan
    const underWay = [...runs.keys()].filter((id) => followed.get(id)?.ended !== true).length
    if (closed || underWay >= limits.runs) throw new BastionError('node_busy', `the node carries out ${underWay} runs, and no more at once`)
    if (plan.target.type === 'local_dir' && typeof plan.target['path'] === 'string') await localTargets.remember(plan.target['path'])
    const { directory, lock: runLock } = await directories.make({ v: 1, accepted_at: clock.now(), plan, means: means() })
    using _held = runLock
    startRunner(runnerCommand, directory, runLock, (error) => report(`the runner of run ${runId} does not start: ${error.message}`))
    const run = follow(runId, directory)
    run.giveCredentials(credentials)
    return run
  }

  async function offer(plan: RunPlan, credentials: Credentials, send: (message: NodeMessage) => void): Promise<void> {
    const { run_id: runId } = plan
    if (forgotten.has(runId)) return
    const before = runs.get(runId)
    const starting = before ?? start(plan, credentials)
    runs.set(runId, starting)
    try {
      const run = await starting
      if (before !== undefined) run.giveCredentials(credentials)
      send({ type: 'run.accepted', run_id: runId })
      run.attach(0, send)
    } catch (error) {
      if (before !== undefined) return
      runs.delete(runId)
      send({ type: 'run.refused', run_id: runId, error: failureOf(error) })
    }
  }

  /** The Hub has kept all of it. */
  async function forget(run: FollowedRun): Promise<void> {
    if (!run.ended || !followed.delete(run.runId)) return
    await directories.acknowledge(run.directory)
    runs.delete(run.runId)
    forgotten.add(run.runId)
    if (forgotten.size > rememberedRuns) forgotten.delete(forgotten.values().next().value!)
    await run.close()
    await directories.remove(run.directory)
  }

  /** With a run, when it is known and was accepted. */
  async function withRun(runId: string, work: (run: FollowedRun) => void | Promise<void>): Promise<void> {
    const run = await runs.get(runId)?.catch(() => null)
    if (run !== undefined && run !== null) await work(run)
  }

  async function handle(message: HubMessage, send: (message: NodeMessage) => void, from: NodeEnd): Promise<void> {
    switch (message.type) {
      case 'hub.welcome':
        return
      case 'hub.refused':
        report(`the Hub refuses this node: ${message.reason}`)
        from.close()
        return
      case 'run.offer':
        return await offer(message.plan, message.credentials, send)
      case 'run.cancel':
        return await withRun(message.run_id, (run) => run.cancel())
      case 'run.attach':
        return await withRun(message.run_id, (run) => run.attach(message.after_seq, send))
      case 'run.ack':
        if (message.ended) await withRun(message.run_id, forget)
        return
      case 'request':
        requests.handle(message.request_id, message.request, send)
        return
      case 'request.cancel':
        requests.cancel(message.request_id)
        return
    }
  }

  /** Removes what dead runs have left: snapshots, then the directories these stood in. */
  async function reap(): Promise<void> {
    if (
      openLeases(dataDir)
        .list()
        .some(({ state }) => state === 'left')
    ) {
      await using process = startRequest(runnerCommand, { request: { kind: 'lease.reap' }, means: means() })
      const { reaped } = nodeReplies['lease.reap'].parse(await process.answer)
      for (const { run_id: runId, left } of reaped)
        for (const { path, reason } of left) report(`the snapshot ${path.text} of run ${runId} is left: ${reason}`)
    }
    for (const { directory, acknowledged } of await directories.list()) if (acknowledged) await directories.remove(directory)
  }

  function reapAlone(): void {
    reaping ??= reap()
      .catch((error: unknown) => report(`what earlier runs have left cannot be removed: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => (reaping = null))
  }

  try {
    await directories.removeHalfMade()
    for (const { runId, directory, acknowledged } of await directories.list())
      if (!acknowledged) runs.set(runId, Promise.resolve(follow(runId, directory)))
  } catch (error) {
    for (const run of followed.values()) await run.close()
    lock[Symbol.dispose]()
    throw error
  }
  reapAlone()
  const hourly = setInterval(reapAlone, reapEveryMs).unref()
  const heartbeat = setInterval(() => link?.send({ type: 'node.heartbeat' }), heartbeatMs).unref()

  return {
    async connect(next) {
      link?.close()
      link = next
      const send = (message: NodeMessage) => {
        if (link === next && !closed) next.send(message)
      }
      next.receive({
        message(message) {
          handle(message, send, next).catch((error: unknown) =>
            report(`${message.type}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
          )
        },
        closed() {
          if (link !== next) return
          link = null
          for (const run of followed.values()) run.detach()
        },
      })
      const known = await Promise.all([...followed.values()].map((run) => run.known()))
      send({
        type: 'node.hello',
        protocol_min: protocolVersions.min,
        protocol_max: protocolVersions.max,
        version: options.version,
        capabilities: [
          'source.filesystem',
          ...jobTargetKinds.map((kind) => `target.${kind}`),
          ...Object.keys(nodeReplies).map((kind) => `request.${kind}`),
        ],
        boot_id: bootId(),
        known_runs: known,
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      clearInterval(hourly)
      clearInterval(heartbeat)
      link?.close()
      await requests[Symbol.asyncDispose]()
      await Promise.allSettled(runs.values())
      await Promise.all([...followed.values()].map((run) => run.close()))
      await reaping
      lock[Symbol.dispose]()
    },
  }
}

/** One executor a data directory: two would start and end each other's runs. */
function lockDataDirectory(dataDir: string): FileLock {
  const tryLock = createFileLocker()
  if (tryLock === null) throw new BastionError('unsupported', 'runs need flock(2), and the C library of this machine cannot be called')
  const lock = tryLock(join(dataDir, 'executor.lock'))
  if (lock !== null) return lock
  throw new BastionError('conflict', `another Bastion carries out runs with the data directory ${dataDir}`, {
    hint: 'End it first, or name another data directory with --data-dir.',
  })
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { operationOutcomeSchema } from '../core/operation.ts'
import { operationKinds } from '../core/operation-kind.ts'
import { runOutcomeSchema } from '../core/run.ts'
import { openLeases } from '../engine/snapshots/leases.ts'
import { bootId } from '../lib/boot-id.ts'
import { createFileLocker, type FileLock } from '../lib/file-lock.ts'
import type { ByteStreams } from '../protocol/byte-streams.ts'
import { jobTargetKinds } from '../protocol/job-spec.ts'
import { type HubMessage, type NodeEnd, type NodeMessage, protocolVersions } from '../protocol/node-messages.ts'
import { nodeReplies } from '../protocol/node-replies.ts'
import type { OperationPlan } from '../protocol/operation-plan.ts'
import type { NodeMeans, OperationTask, RunTask } from '../protocol/runner-messages.ts'
import type { RunPlan } from '../protocol/run-plan.ts'
import { openLocalTargets } from './local-targets.ts'
import { createNodeRequests } from './node-requests.ts'
import { type NodeWork, type OfferListener, openNodeWork } from './node-work.ts'
import { startRequest } from './request-process.ts'
import { hasLeftScratch } from './scratch.ts'

/** What a node allows. It is its own configuration: no Hub can widen it. */
export interface NodePolicy {
  /** directories that may be looked into; `/` allows all */
  browseRoots: readonly string[]
  snapshotRoots: readonly string[]
  /** absent: all */
  snapshotProviders?: readonly string[]
  /** directories that may be restored into, at least one; absent: `restore` in the data directory */
  restoreRoots?: readonly string[]
  /** commands that runs may call around the reading of a source, each with exactly these arguments; absent: none */
  allowedHooks?: readonly (readonly string[])[]
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
    /** the same of operations */
    operations?: number
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

const defaultLimits = { runs: 8, operations: 4, requests: 4, killAfterMs: 30_000 }
const heartbeatMs = 15_000
const reapEveryMs = 60 * 60_000

/**
 * Finds the runs and operations that executors before this one have left, and follows them.
 * @throws BastionError conflict while another executor uses the data directory · unsupported · the system's errors
 */
export async function openExecutor(options: ExecutorOptions): Promise<Executor> {
  const { dataDir, runnerCommand, policy, clock, report } = options
  const limits = { ...defaultLimits, ...options.limits }
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await using opened = new AsyncDisposableStack()
  opened.use(lockDataDirectory(dataDir))
  const localTargets = await openLocalTargets(dataDir)
  let link: NodeEnd | null = null
  let closed = false
  let reaping: Promise<void> | null = null
  let reapAgain = false

  const means = (): NodeMeans => ({
    data_dir: dataDir,
    own_directories: [...localTargets.paths],
    snapshot_roots: [...policy.snapshotRoots],
    allowed_hooks: (policy.allowedHooks ?? []).map((command) => [...command]),
    ...(policy.snapshotProviders === undefined ? {} : { snapshot_providers: [...policy.snapshotProviders] }),
    restore_roots: policy.restoreRoots === undefined ? [join(dataDir, 'restore')] : [...policy.restoreRoots],
  })
  const requests = createNodeRequests({ runnerCommand, streams: options.streams, means, browseRoots: policy.browseRoots, atOnce: limits.requests })

  const { killAfterMs } = limits
  const work = { dataDir, runnerCommand, killAfterMs, clock, report }
  const runs = await openNodeWork({ noun: 'run', limit: limits.runs, ...work })
  opened.defer(() => runs.close())
  const operations = await openNodeWork({ noun: 'operation', limit: limits.operations, ...work })
  opened.defer(() => operations.close())

  async function runTask(plan: RunPlan): Promise<RunTask> {
    const { type, path } = plan.target
    if (type === 'local_dir' && typeof path === 'string') await localTargets.remember(path)
    return { v: 1, accepted_at: clock.now(), plan, means: means() }
  }

  async function operationTask(operation: OperationPlan): Promise<OperationTask> {
    return { v: 1, accepted_at: clock.now(), operation, means: means() }
  }

  /** What a runner that was killed has left is not removed here: that takes a process. */
  async function acknowledge(of: NodeWork, id: string): Promise<void> {
    if (!(await of.acknowledge(id))) reapAlone()
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
        return await runs.offer(message.plan.run_id, () => runTask(message.plan), message.credentials, runListener(message.plan.run_id, send))
      case 'run.cancel':
        return await runs.cancel(message.run_id)
      case 'run.attach':
        return await runs.attach(message.run_id, message.after_seq, runListener(message.run_id, send))
      case 'run.ack':
        return message.ended ? await acknowledge(runs, message.run_id) : undefined
      case 'operation.offer': {
        const { plan, credentials } = message
        return await operations.offer(plan.operation_id, () => operationTask(plan), credentials, operationListener(plan.operation_id, send))
      }
      case 'operation.cancel':
        return await operations.cancel(message.operation_id)
      case 'operation.attach':
        return await operations.attach(message.operation_id, message.after_seq, operationListener(message.operation_id, send))
      case 'operation.ack':
        return message.ended ? await acknowledge(operations, message.operation_id) : undefined
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
    if (await hasLeftScratch(dataDir)) {
      await using process = startRequest(runnerCommand, { request: { kind: 'scratch.reap' }, means: means() })
      await process.answer
    }
    await runs.removeAcknowledged()
    await operations.removeAcknowledged()
  }

  /** Asked for while it is done, it is done once more: what is left may have come meanwhile. */
  function reapAlone(): void {
    reapAgain = reaping !== null
    reaping ??= reap()
      .catch((error: unknown) => report(`what earlier runs have left cannot be removed: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        reaping = null
        if (reapAgain && !closed) reapAlone()
      })
  }

  reapAlone()
  const hourly = setInterval(reapAlone, reapEveryMs).unref()
  const heartbeat = setInterval(() => link?.send({ type: 'node.heartbeat' }), heartbeatMs).unref()
  const kept = opened.move()

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
          runs.detach()
          operations.detach()
        },
      })
      const [knownRuns, knownOperations] = await Promise.all([runs.known(), operations.known()])
      send({
        type: 'node.hello',
        protocol_min: protocolVersions.min,
        protocol_max: protocolVersions.max,
        version: options.version,
        capabilities: [
          'source.filesystem',
          ...jobTargetKinds.map((kind) => `target.${kind}`),
          ...operationKinds.map((kind) => `operation.${kind}`),
          ...Object.keys(nodeReplies).map((kind) => `request.${kind}`),
        ],
        boot_id: bootId(),
        known_runs: knownRuns.map(({ id, lastSeq, ended }) => ({ run_id: id, last_seq: lastSeq, ended })),
        known_operations: knownOperations.map(({ id, lastSeq, ended }) => ({ operation_id: id, last_seq: lastSeq, ended })),
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      clearInterval(hourly)
      clearInterval(heartbeat)
      link?.close()
      await requests[Symbol.asyncDispose]()
      await reaping
      await kept.disposeAsync()
    },
  }
}

type Send = (message: NodeMessage) => void

function runListener(run_id: string, send: Send): OfferListener {
  return {
    accepted: () => send({ type: 'run.accepted', run_id }),
    refused: (error) => send({ type: 'run.refused', run_id, error }),
    events: (first_seq, events) => send({ type: 'run.events', run_id, first_seq, events }),
    progress: (progress) => send({ type: 'run.progress', run_id, progress }),
    finished: (last_seq, outcome) => send({ type: 'run.finished', run_id, last_seq, outcome: runOutcomeSchema.parse(outcome) }),
  }
}

function operationListener(operation_id: string, send: Send): OfferListener {
  return {
    accepted: () => send({ type: 'operation.accepted', operation_id }),
    refused: (error) => send({ type: 'operation.refused', operation_id, error }),
    events: (first_seq, events) => send({ type: 'operation.events', operation_id, first_seq, events }),
    progress: (progress) => send({ type: 'operation.progress', operation_id, progress }),
    finished: (last_seq, outcome) => send({ type: 'operation.finished', operation_id, last_seq, outcome: operationOutcomeSchema.parse(outcome) }),
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

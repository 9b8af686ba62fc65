import { BastionError } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'
import { filesystemSourceSchema } from '../core/filesystem-source.ts'
import { plainEntry } from '../engine/formats/index-entry.ts'
import { type Artifact, openArtifact } from '../engine/open-artifact.ts'
import { findFile, readEntry } from '../engine/read-entry.ts'
import { probeSource } from '../engine/snapshots/probe-source.ts'
import { reapedReport } from '../engine/snapshots/lease-report.ts'
import { orphanWaitMs, reapLeases } from '../engine/snapshots/reaper.ts'
import { sourceRoots, sourceRules } from '../engine/sources/filesystem/source-paths.ts'
import { checkReport } from '../engine/targets/check-report.ts'
import { checkTarget } from '../engine/targets/check-target.ts'
import { openWorkingTarget } from '../engine/targets/open-working-target.ts'
import { proveIdentity } from '../engine/targets/target-identity.ts'
import type { Target } from '../engine/targets/target.ts'
import { fromPathText } from '../lib/byte-path.ts'
import type { NodeReply } from '../protocol/node-replies.ts'
import type { NodeRequest, NodeRequestKind } from '../protocol/node-requests.ts'
import type { NodeMeans, RequestTask } from '../protocol/runner-messages.ts'
import { entryCursor, readEntryCursor } from './entry-cursor.ts'
import { nodeSnapshots } from './node-snapshots.ts'
import { targetConfig } from './target-config.ts'

/** Those that take longer than a page of a directory: each is answered by a process of its own. */
type LongRequest = Extract<NodeRequest, { kind: keyof typeof longRequests }>
type LongRequestKind = LongRequest['kind']

export interface AnswerContext {
  clock: Clock
  /** a PATH variable */
  path: string
  signal: AbortSignal
  /** the answer, once */
  answer(ok: unknown): void
  /** bytes that follow the answer; waits while nobody takes them */
  write(bytes: Uint8Array): Promise<void>
  note(text: string): void
}

type Work<Kind extends NodeRequestKind> = (
  request: Extract<NodeRequest, { kind: Kind }>,
  means: NodeMeans,
  context: AnswerContext & { answer(ok: NodeReply<Kind>): void },
) => Promise<void>

const longRequests = {
  async 'snapshot.probe'(request, means, { path, answer }) {
    if (request.snapshot_mode === 'off')
      return answer({ places: [{ path: request.path, read: 'live', reason: 'source snapshots are off for this job' }] })
    const spec = filesystemSourceSchema.parse({ type: 'filesystem', paths: [request.path] })
    const places = await probeSource(nodeSnapshots(means, path), {
      roots: sourceRoots(spec),
      rules: sourceRules(spec),
      oneFileSystem: false,
      provider: request.snapshot_provider,
      workDirectory: `${means.data_dir}/runs`,
    })
    answer({ places })
  },

  async 'target.check'(request, _means, context) {
    await using target = await openedTarget(request, context)
    if (request.expected_target_id !== undefined) await proveIdentity(target, request.expected_target_id, context.signal)
    const leftovers: string[] = []
    const check = await checkTarget(target, { signal: context.signal, onLeftover: (message) => leftovers.push(message) })
    context.answer({ ...checkReport(target.label, check), leftovers })
  },

  async 'entries.list'(request, _means, context) {
    await using opened = await openedArtifact(request, context)
    const index = await opened.artifact.index()
    const directory = fromPathText(request.prefix, request.prefix_b64)
    const after = request.after === undefined ? undefined : readEntryCursor(request.after)
    const entries: NodeReply<'entries.list'>['entries'] = []
    let next: string | null = null
    for await (const entry of index.children(directory, after)) {
      context.signal.throwIfAborted()
      if (entries.length === request.limit) {
        next = entryCursor(entries.at(-1)!)
        break
      }
      entries.push(plainEntry(entry))
    }
    if (entries.length === 0 && after === undefined && directory !== '' && (await index.find(directory))?.kind !== 'dir')
      throw new BastionError('entry_not_found', `the artifact holds no directory /${request.prefix}`)
    context.answer({ entries, next })
  },

  async 'entries.download'(request, _means, context) {
    await using opened = await openedArtifact(request, context)
    const path = fromPathText(request.path, request.path_b64)
    const entry = await findFile(opened.artifact, path)
    context.answer({ entry: plainEntry(entry) })
    await readEntry(opened.artifact, path, { signal: context.signal, take: (bytes) => context.write(bytes) })
  },

  async 'lease.reap'(_request, means, { path, answer }) {
    const { leases, providers } = nodeSnapshots(means, path)
    answer({ reaped: (await reapLeases(leases, providers, { waitMs: orphanWaitMs })).map(reapedReport) })
  },
} as const satisfies { [Kind in NodeRequestKind]?: Work<Kind> }

function isLongRequest(request: NodeRequest): request is LongRequest {
  return Object.hasOwn(longRequests, request.kind)
}

/** Answers one request, or says why not. @throws BastionError */
export async function answerRequest({ request, means }: RequestTask, context: AnswerContext): Promise<void> {
  if (!isLongRequest(request)) throw new BastionError('unsupported', `no process answers ${request.kind}`)
  // The compiler does not see that a request and its work belong together; `longRequests` above proves it for each kind.
  const work = longRequests[request.kind] as Work<LongRequestKind>
  await work(request, means, context)
}

interface TargetRequest {
  target: Record<string, unknown>
  credentials: Record<string, string>
}

function openedTarget({ target, credentials }: TargetRequest, { clock, note }: AnswerContext): Promise<Target & AsyncDisposable> {
  return openWorkingTarget(targetConfig(target, credentials), { clock, note })
}

async function openedArtifact(
  request: Extract<NodeRequest, { kind: 'entries.list' | 'entries.download' }>,
  context: AnswerContext,
): Promise<{ artifact: Artifact } & AsyncDisposable> {
  const target = await openedTarget(request, context)
  const { signal } = context
  try {
    // Only of the right target "not found" is believed.
    if (request.expected_target_id !== undefined) await proveIdentity(target, request.expected_target_id, signal)
    const ref = { jobId: request.job_id, runId: request.run_id }
    const artifact = await openArtifact(target, ref, { identities: request.identities, signal })
    return { artifact, [Symbol.asyncDispose]: () => target.close() }
  } catch (error) {
    await target.close()
    throw error
  }
}

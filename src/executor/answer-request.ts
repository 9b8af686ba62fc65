import { BastionError } from '../core/errors.ts'
import { filesystemSourceSchema } from '../core/filesystem-source.ts'
import { probeSource } from '../engine/snapshots/probe-source.ts'
import { reapedReport } from '../engine/snapshots/lease-report.ts'
import { orphanWaitMs, reapLeases } from '../engine/snapshots/reaper.ts'
import { sourceRoots, sourceRules } from '../engine/sources/filesystem/source-paths.ts'
import type { NodeRequest } from '../protocol/node-requests.ts'
import type { RequestTask } from '../protocol/runner-messages.ts'
import { artifactRequests } from './artifact-requests.ts'
import { entryRequests } from './entry-requests.ts'
import { nodeSnapshots } from './node-snapshots.ts'
import { reapScratch } from './scratch.ts'
import type { AnswerContext, RequestWork, Work } from './request-work.ts'
import { restoreRequests } from './restore-requests.ts'
import { targetRequests } from './target-requests.ts'

/** Those that take longer than a page of a directory: each is answered by a process of its own. */
type LongRequest = Extract<NodeRequest, { kind: keyof typeof longRequests }>
type LongRequestKind = LongRequest['kind']

const longRequests = {
  ...artifactRequests,
  ...entryRequests,
  ...restoreRequests,
  ...targetRequests,

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

  async 'scratch.reap'(_request, means, { answer }) {
    answer({ removed: await reapScratch(means.data_dir) })
  },

  async 'lease.reap'(_request, means, { path, answer }) {
    const { leases, providers } = nodeSnapshots(means, path)
    answer({ reaped: (await reapLeases(leases, providers, { waitMs: orphanWaitMs })).map(reapedReport) })
  },
} as const satisfies RequestWork

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

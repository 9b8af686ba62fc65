import { BastionError, type ErrorCode } from '../core/errors.ts'
import { type Failure, failureOf } from '../core/run.ts'
import { checkArtifact } from '../engine/check-artifact.ts'
import type { ArtifactRef } from '../engine/open-artifact.ts'
import { removeArtifact } from '../engine/remove-artifact.ts'
import { removeIncomplete } from '../engine/remove-incomplete.ts'
import { proveIdentity } from '../engine/targets/target-identity.ts'
import { type AnswerContext, openedTarget, type RequestWork } from './request-work.ts'
import { openWorkDirectories } from './work-directory.ts'

/** On a target far away most of the time is waiting, on a disk near by it is flushing. */
const removalsAtOnce = 8

/** What one meets the others would meet too: they are not begun. */
const codesOfTheTarget: readonly ErrorCode[] = ['target_unreachable', 'target_timeout', 'target_auth', 'target_identity', 'canceled']

/** What is asked of artifacts as a whole. */
export const artifactRequests = {
  async 'artifact.delete'(request, _means, context) {
    const { expected_target_id: expectedTargetId, hub_id: hubId, artifacts } = request
    const { clock, signal } = context
    await using target = await openedTarget(request, context)
    await proveIdentity(target, expectedTargetId, signal)
    const results = await eachRemoved(artifacts, context, (ref, { force }, onBegin) =>
      removeArtifact(target, ref, { expectedTargetId, hubId, force, onBegin, clock, signal }),
    )
    context.answer({ results })
  },

  async 'cleanup.run'(request, means, context) {
    const { expected_target_id: expectedTargetId, hub_id: hubId, older_than_at: olderThanAt, runs } = request
    const { clock, signal } = context
    const directories = openWorkDirectories(means.data_dir, 'run')
    await using target = await openedTarget(request, context)
    await proveIdentity(target, expectedTargetId, signal)
    const results = await eachRemoved(runs, context, async (ref, _run, onBegin) => {
      if (directories.isAlive(ref.runId)) return { result: 'kept' as const, why: 'alive' as const }
      return await removeIncomplete(target, ref, { expectedTargetId, hubId, force: false, olderThanAt, onBegin, clock, signal })
    })
    context.answer({ results })
  },

  async 'artifact.check'(request, _means, context) {
    const { expected_target_id: expectedTargetId, job_id: jobId, run_id: runId, manifest_hash: manifestHash } = request
    const { clock, signal } = context
    await using target = await openedTarget(request, context)
    context.answer(await checkArtifact(target, { jobId, runId }, { expectedTargetId, manifestHash, clock, signal }))
  },
} as const satisfies RequestWork

type Failed = { run_id: string; result: 'failed'; error: Failure; touched: boolean }

/** Some at a time; each is answered for itself. @param remove is told to call `onBegin` before it changes anything */
async function eachRemoved<Named extends { job_id: string; run_id: string }, Result>(
  named: readonly Named[],
  context: AnswerContext,
  remove: (ref: ArtifactRef, one: Named, onBegin: () => void) => Promise<Result>,
): Promise<(({ run_id: string } & Result) | Failed)[]> {
  const waiting = [...named]
  const results: (({ run_id: string } & Result) | Failed)[] = []
  let ofTheTarget: Failure | null = null

  async function removeOne(one: Named): Promise<({ run_id: string } & Result) | Failed> {
    const { job_id: jobId, run_id } = one
    let touched = false
    if (ofTheTarget !== null) return { run_id, result: 'failed', error: ofTheTarget, touched }
    try {
      return { run_id, ...(await remove({ jobId, runId: run_id }, one, () => (touched = true))) }
    } catch (error) {
      const failure = failureOf(error)
      if (!(error instanceof BastionError)) context.note(error instanceof Error ? (error.stack ?? error.message) : String(error))
      if (codesOfTheTarget.includes(failure.code)) ofTheTarget = failure
      return { run_id, result: 'failed', error: failure, touched }
    }
  }

  async function work(): Promise<void> {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) results.push(await removeOne(one))
  }
  await Promise.all(Array.from({ length: removalsAtOnce }, work))
  return results
}

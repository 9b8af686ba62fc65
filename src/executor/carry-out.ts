import type { Clock } from '../core/clock.ts'
import type { RunOutcome } from '../core/run.ts'
import type { Progress, RunEvent } from '../core/run-event.ts'
import { backup, type BackupOutcome } from '../engine/backup.ts'
import { setMemoryFor } from '../engine/memory-for-target.ts'
import { reapBeforeRun } from '../engine/snapshots/reap-before-run.ts'
import { orCanceled } from '../engine/targets/cancellation.ts'
import { openWorkingTarget } from '../engine/targets/open-working-target.ts'
import type { RunTask } from '../protocol/runner-messages.ts'
import type { Credentials } from '../protocol/run-plan.ts'
import { nodeSnapshots } from './node-snapshots.ts'
import { storedFacts } from './stored-facts.ts'
import { targetConfig } from './target-config.ts'

export interface CarryOutContext {
  clock: Clock
  producer: string
  /** a PATH variable */
  path: string
  signal: AbortSignal
  runDirectory: string
  emit(event: RunEvent): void
  onProgress(progress: Progress): void
  note(text: string): void
}

/** The backup a plan asks for, with the engine that `bastion backup` has. @throws BastionError */
export async function carryOut({ plan, means }: RunTask, credentials: Credentials, context: CarryOutContext): Promise<RunOutcome> {
  const { clock, signal, note } = context
  const snapshots = nodeSnapshots(means, context.path)
  await orCanceled(reapBeforeRun(snapshots, note), signal)
  await using target = await openWorkingTarget(targetConfig(plan.target, credentials), {
    clock,
    putBytesPerSecond: plan.pipeline.bandwidth_limit,
    note,
  })
  setMemoryFor(target)
  const outcome = await backup(
    {
      hubId: plan.hub_id,
      nodeId: plan.node_id,
      jobId: plan.job_id,
      jobName: plan.job_name,
      runId: plan.run_id,
      ...(plan.retry_of === undefined ? {} : { retryOf: plan.retry_of }),
      source: plan.source,
      pipeline: plan.pipeline,
      ...(plan.expected_target_id === undefined ? {} : { expectedTargetId: plan.expected_target_id }),
    },
    {
      target,
      clock,
      signal,
      producer: context.producer,
      runDirectory: context.runDirectory,
      ownDirectories: [means.data_dir, ...means.own_directories],
      snapshots,
      allowedHooks: means.allowed_hooks,
      emit: context.emit,
      onProgress: context.onProgress,
    },
  )
  return storedOutcome(outcome)
}

function storedOutcome({ status, targetId, manifest, manifestHash, completedAt, issues, source, summary }: BackupOutcome): RunOutcome {
  const { consistency, coverage } = source
  return {
    status,
    artifact: storedFacts({ targetId, manifest, manifestHash, completedAt, coverage }),
    consistency_changed_total: consistency.changed_total,
    issues: { total: issues.total, sample: issues.sample.map((issue) => ({ ...issue })) },
    summary: { ...summary },
  }
}

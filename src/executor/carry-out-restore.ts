import { BastionError } from '../core/errors.ts'
import { failureOf } from '../core/run.ts'
import type { OperationOutcome } from '../core/operation.ts'
import type { OperationReport } from '../core/operation-report.ts'
import { lookIntoDirectory, planRestore } from '../engine/plan-restore.ts'
import { restore, type RestoreRequest } from '../engine/restore.ts'
import { restoreToTarget, type TargetRestoreReport } from '../engine/restore-to-target.ts'
import type { RestoreReport } from '../engine/restoring/restore-report.ts'
import { selectEntries } from '../engine/selection.ts'
import { openWorkingTarget } from '../engine/targets/open-working-target.ts'
import type { OperationPlanOf } from '../protocol/operation-plan.ts'
import type { OperationContext } from './operation-context.ts'
import { emitEvent } from './emit-event.ts'
import type { OpenedArtifact } from './open-artifact-at.ts'
import { directoryOf, targetOf } from './restore-destination.ts'
import { openRestoreDirectory } from './restore-directory.ts'
import { targetConfig } from './target-config.ts'

type Restored = { destination: string; report: RestoreReport | TargetRestoreReport }

/** Restores to where the plan says. A directory must lie below the node's restore roots, however it is named. @throws BastionError */
export async function carryOutRestore(
  plan: OperationPlanOf<'restore'>,
  { artifact }: OpenedArtifact,
  context: OperationContext,
): Promise<OperationOutcome> {
  const { clock, signal } = context
  const selection = selectEntries(plan.only)
  const request = { artifact, selection, conflict: plan.conflict, damaged: plan.damaged, clock, signal, onProgress: context.onProgress }
  const directory = directoryOf(plan.destination)
  const { destination, report } =
    directory === null ? await toTarget(plan, request, context) : await toDirectory(plan, directory.path, request, context)
  const told: OperationReport = { kind: 'restore', destination, ...report, duration_ms: clock.now() - context.startedAt }
  return outcomeOf(plan, told, context)
}

async function toDirectory(
  plan: OperationPlanOf<'restore'>,
  path: string | undefined,
  request: Omit<RestoreRequest, 'destination'>,
  context: OperationContext,
): Promise<Restored> {
  using directory = openRestoreDirectory({ roots: context.means.restore_roots, path, name: plan.operation_id, make: true })
  const at = directory.at!
  {
    using look = lookIntoDirectory(at, directory.freeBytes)
    const { needed_bytes: needed, fits, conflicts } = await planRestore({ ...request, look })
    const [first] = conflicts.sample
    // Before anything is written, and not in the middle.
    if (request.conflict === 'fail' && first !== undefined)
      throw new BastionError('restore_conflict', `${first.path} is in the way, as one of ${conflicts.total}; nothing was restored`)
    if (fits === false) {
      const details = { needed_bytes: needed, free_bytes: directory.freeBytes }
      throw new BastionError('restore_failed', `${directory.path} has ${directory.freeBytes} bytes of room, and ${needed} are needed`, { details })
    }
  }
  emitEvent(context, 'restoring', `restoring to ${directory.path}`, { destination: directory.path })
  return { destination: directory.path, report: await restore({ ...request, destination: at }) }
}

async function toTarget(
  plan: OperationPlanOf<'restore'>,
  request: Omit<RestoreRequest, 'destination'>,
  context: OperationContext,
): Promise<Restored> {
  const config = targetConfig(targetOf(plan.destination), context.credentials.destination)
  await using target = await openWorkingTarget(config, { clock: context.clock, note: context.note })
  emitEvent(context, 'restoring', `restoring to ${target.label}`, { destination: target.label })
  return { destination: target.label, report: await restoreToTarget({ ...request, destination: target }) }
}

function outcomeOf(
  plan: OperationPlanOf<'restore'>,
  report: Extract<OperationReport, { kind: 'restore' }>,
  context: OperationContext,
): OperationOutcome {
  const { restored, conflicts, failed, damaged, not_held: held = { dirs: 0, links: 0, others: 0 } } = report
  const met = restored.files + restored.dirs + restored.links + restored.others + report.skipped + report.not_restorable
  const problems = conflicts.total + failed.total + damaged.total
  const notHeld = held.links + held.others
  if (plan.only.length > 0 && met + problems + notHeld + held.dirs === 0)
    throw new BastionError('entry_not_found', 'nothing in the artifact matches what was selected')
  if (conflicts.total > 0) emitEvent(context, 'conflicts', `${conflicts.total} entries: something else is in their way`, { ...conflicts }, 'warn')
  if (damaged.total > 0) emitEvent(context, 'damaged', `${damaged.total} entries are damaged in the artifact`, { ...damaged }, 'error')
  if (failed.total + damaged.total > 0) {
    const [first = ''] = [...damaged.sample, ...failed.sample]
    const error = new BastionError(damaged.total > 0 ? 'artifact_damaged' : 'restore_failed', first, {
      hint: 'Everything else is restored; the report names what is not.',
    })
    return { status: 'failed', error: failureOf(error), report }
  }
  const bytes = `${restored.files} files, ${restored.bytes} bytes`
  emitEvent(context, 'complete', `restored ${bytes} to ${report.destination}`, { ...restored })
  return { status: conflicts.total + notHeld > 0 ? 'warning' : 'success', report }
}

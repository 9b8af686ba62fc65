import { BastionError } from '../core/errors.ts'
import type { OperationOutcome } from '../core/operation.ts'
import { failureOf } from '../core/run.ts'
import { verify } from '../engine/verify.ts'
import type { OperationPlanOf } from '../protocol/operation-plan.ts'
import type { OperationContext } from './operation-context.ts'
import { emitEvent } from './emit-event.ts'
import type { OpenedArtifact } from './open-artifact-at.ts'

/** Verifies to the level the plan says. What is damaged fails it. @throws BastionError */
export async function carryOutVerify(
  { level, sample_percent: percent }: OperationPlanOf<'verify'>,
  opened: OpenedArtifact,
  context: OperationContext,
): Promise<OperationOutcome> {
  const { clock, signal, onProgress } = context
  emitEvent(context, 'verifying', `verifying: ${level}`, { level })
  const found = await verify({ ...opened, level, sampleShare: percent / 100, random: Math.random, clock, signal, onProgress })
  const report = { kind: 'verify' as const, ...found, duration_ms: clock.now() - context.startedAt }
  const { objects, entries, damaged } = found
  if (found.ok) {
    emitEvent(context, 'complete', `${objects.checked} objects and ${entries.checked} entries are as they were stored`, { objects, entries })
    return { status: 'success', report }
  }
  emitEvent(context, 'damaged', `${damaged.total} are damaged`, { ...damaged }, 'error')
  return { status: 'failed', error: failureOf(damageError(damaged.sample, 'not everything that was to be checked was checked')), report }
}

/** Names the first of what is damaged. */
export function damageError(sample: readonly { object: string; message: string }[], otherwise: string): BastionError {
  const [first] = sample
  return new BastionError('artifact_damaged', first === undefined ? otherwise : textOf(first))
}

function textOf({ object, message }: { object: string; message: string }): string {
  return message.startsWith(object) ? message : `${object} ${message}`
}

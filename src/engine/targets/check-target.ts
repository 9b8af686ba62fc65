import { randomUUID } from 'node:crypto'
import { BastionError } from '../../core/errors.ts'
import { throwIfCanceled } from './cancellation.ts'
import { confinedTarget } from './confined-target.ts'
import { isCaseFor, targetContract } from './contract.ts'
import { adviceFor, type FeatureAdvice } from './feature-advice.ts'
import { readObject } from './read-object.ts'
import type { Target, TargetFeatures } from './target.ts'

export type CheckedCase =
  | { name: string; status: 'ok' }
  | { name: string; status: 'failed'; why: string }
  | { name: string; status: 'not_claimed'; needs: readonly (keyof TargetFeatures)[] }

export interface TargetCheck {
  /** Every promise the target makes is kept. */
  ok: boolean
  cases: CheckedCase[]
  advice: FeatureAdvice[]
}

export interface CheckOptions {
  signal: AbortSignal
  onCase?: (checked: CheckedCase) => Promise<void> | void
  /** Told of what could not be removed when the check ended before its end. */
  onLeftover?: (message: string) => void
  /** How long an abort may take before the target counts as not listening to it. @default 10 s */
  patienceMs?: number
}

const lastCase = 'nothing is left of the check'

/**
 * Runs the contract's cases on a place that may hold something: each in a directory of its own below a new one at the root, outside of which nothing is
 * changed, and which is removed however the check ends. Cases that name keys outside of their directory are left out.
 * @throws what the target says when it cannot be used at all, before the first case or from some case on; the cancellation
 */
export async function checkTarget(target: Target, { signal, onCase, onLeftover, patienceMs }: CheckOptions): Promise<TargetCheck> {
  // No job is called so: whoever lists the target meanwhile sees none.
  const prefix = `bastion_check_${randomUUID()}`
  const cases: CheckedCase[] = []
  let began = false

  async function tell(checked: CheckedCase): Promise<void> {
    cases.push(checked)
    await onCase?.(checked)
  }

  try {
    await requireUsable(target, prefix, signal)
    began = true
    for (const [i, contractCase] of targetContract.entries()) {
      if (contractCase.leavesPrefix) continue
      const { name, needs } = contractCase
      if (!isCaseFor(contractCase, target.features)) {
        await tell({ name, status: 'not_claimed', needs: needs.filter((feature) => target.features[feature] === undefined) })
        continue
      }
      const confined = confinedTarget(target, prefix, signal)
      const failure = await failureOf(contractCase.run(confined, { prefix: `${prefix}/${i}`, ...(patienceMs !== undefined && { patienceMs }) }))
      await confined.idle()
      throwIfCanceled(signal)
      if (failure === null) {
        await tell({ name, status: 'ok' })
      } else {
        // A place that went away breaks no promise by it.
        if (failure.error instanceof BastionError && failure.error.retryable) await requireUsable(target, prefix, signal)
        await tell({ name, status: 'failed', why: failure.error instanceof Error ? failure.error.message : String(failure.error) })
      }
    }
  } catch (error) {
    const left = await removeAll(target, prefix)
    // Where nothing could be stored, nothing is left.
    if (left !== null && began) onLeftover?.(left)
    throw error
  }
  const left = await removeAll(target, prefix)
  await tell(left === null ? { name: lastCase, status: 'ok' } : { name: lastCase, status: 'failed', why: left })
  return { ok: cases.every(({ status }) => status !== 'failed'), cases, advice: adviceFor(target.features) }
}

/** @throws unless a little object can be stored and read again */
async function requireUsable(target: Target, prefix: string, signal: AbortSignal): Promise<void> {
  throwIfCanceled(signal)
  const key = `${prefix}/usable-${randomUUID()}`
  await target.put(key, Buffer.from('usable\n'), { signal })
  await readObject(target, key, { maxBytes: 1024, signal })
}

async function failureOf(running: Promise<void>): Promise<{ error: unknown } | null> {
  return await running.then(
    () => null,
    (error: unknown) => ({ error }),
  )
}

/** Why not everything is gone, if so. */
async function removeAll(target: Target, prefix: string): Promise<string | null> {
  const byHand = `Remove "${prefix}" from ${target.label} by hand`
  try {
    await target.removeTree(prefix)
    for await (const entry of target.list('')) {
      if (entry.key === prefix || entry.key.startsWith(`${prefix}/`)) return `it was removed and is still listed. ${byHand}`
    }
    return null
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)} ${byHand}`
  }
}

import type { ErrorCode } from '../../src/core/errors.ts'
import { type Format, objectNames } from '../../src/core/artifact.ts'
import type { TargetMethod } from '../../src/engine/targets/counting-target.ts'
import type { Fault, FaultRule, FaultyOptions } from '../../src/engine/targets/faulty-target.ts'

/** What a target does wrong in one run. */
export interface FaultPlan extends FaultyOptions {
  /** as a table tells it */
  text: string
  /** Something hangs until the run is canceled. */
  stalls: boolean
}

const codes: readonly ErrorCode[] = [
  'target_unreachable',
  'target_timeout',
  'target_rate_limited',
  'target_full',
  'target_permission',
  'target_auth',
  'target_rejected',
]
const passing = codes.slice(0, 3)
const parts: Readonly<Record<Format, readonly string[]>> = {
  archive_v1: ['payload.part'],
  raw_tree_v1: [`${objectNames.tree}/`, `${objectNames.odd}/`],
}
const others: readonly string[] = [
  'bastion-target.json',
  objectNames.run,
  objectNames.index,
  objectNames.manifest,
  objectNames.restoreNotes,
  objectNames.complete,
]
const methods: readonly (TargetMethod | undefined)[] = [undefined, 'put', 'put', 'put', 'get', 'stat', 'list', 'remove', 'removeTree', 'flush']

/** One to three things that go wrong, and now and then a place that becomes full: the same ones for the same numbers. @param bytes an undisturbed run stores */
export function planFaults(random: () => number, format: Format, bytes: number): FaultPlan {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const rules: FaultRule[] = []
  const texts: string[] = []
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    const fault = pickFault()
    const needsBody = fault.kind === 'cut' || fault.kind === 'stall'
    const method = needsBody ? pick(['put', 'put', 'put', 'get'] as const) : pick(methods)
    const name = pick(['', '', ...parts[format], ...parts[format], ...others])
    const from = others.includes(name) ? pick([1, 1, 2]) : pick([1, 2, 3, 5, 10])
    const times = pick([1, 1, 3, Infinity])
    const probability = pick([1, 1, 0.5])
    rules.push({ fault, key: (key) => key.includes(name), from, times, probability, ...(method !== undefined && { method }) })
    texts.push(`${textOf(fault)} at ${method ?? 'any request'} of ${name || 'anything'} from the ${from}. on, ${times} times`)
  }
  const full = random() < 0.1 ? { fullAfterBytes: Math.floor(random() * 1.1 * bytes) } : {}
  if (full.fullAfterBytes !== undefined) texts.push(`full after ${full.fullAfterBytes} bytes`)
  return {
    rules,
    ...full,
    seed: 1 + Math.floor(random() * 2 ** 31),
    text: texts.join('; '),
    stalls: rules.some(({ fault }) => fault.kind === 'stall'),
  }

  function pickFault(): Fault {
    switch (pick(['error', 'error', 'lost_answer', 'cut', 'cut', 'lost_part', 'stall', 'wrong_size'] as const)) {
      case 'error': {
        const code = pick(codes)
        return { kind: 'error', code, ...(code === 'target_rate_limited' && { details: { retry_after_ms: 5 } }) }
      }
      case 'lost_answer':
        return { kind: 'lost_answer', code: pick(passing) }
      case 'cut':
        return { kind: 'cut', withinBytes: pick([100, 100_000, 2_000_000]) }
      case 'lost_part':
        return { kind: 'cut', withinBytes: pick([100, 100_000, 2_000_000]), silently: true }
      case 'stall':
        return { kind: 'stall', afterBytes: pick([0, 1000, 500_000]) }
      case 'wrong_size':
        return { kind: 'wrong_size', byBytes: pick([-1, 1, 4096]) }
    }
  }
}

function textOf(fault: Fault): string {
  if ('code' in fault) return `${fault.kind} ${fault.code}`
  return 'silently' in fault ? 'cut without a word' : fault.kind
}

import { hostileNames } from './hostile-names.ts'
import type { Random } from './random.ts'

/** A length that cannot be made a number. */
export const unmeasurable = { length: { toString: 1, valueOf: 2 } }

/** Values in the wrong place: of another type, beyond a border, or with a name that means something to JavaScript. */
const values: readonly unknown[] = [
  null,
  true,
  false,
  '',
  'a',
  '0',
  '-1',
  'NaN',
  0,
  -0,
  -1,
  1.5,
  1e21,
  1e300,
  -1e300,
  8_640_000_000_000_001,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  [],
  {},
  [[]],
  [null],
  [{}],
  { toString: 1 },
  { toString: null, valueOf: null },
  { __proto__: null, length: 5 },
  unmeasurable,
  'archive_v1',
  'raw_tree_v1',
  'age_x25519',
  'none',
  'x'.repeat(10_000),
]

/** A copy of `value` with one to three places changed. */
export function mutateJson(value: unknown, random: Random, extra: readonly unknown[] = []): unknown {
  let mutated = structuredClone(value)
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    if (typeof mutated !== 'object' || mutated === null) return mutated
    if (random.chance(0.01)) return hostileValue(random, extra)
    mutated = changeSomewhere(mutated, random, extra)
  }
  return mutated
}

export function hostileValue(random: Random, extra: readonly unknown[] = []): unknown {
  const kind = random.next()
  if (kind < 0.1) return deep
  if (kind < 0.3) return random.pick(hostileNames)
  return structuredClone(random.pick(kind < 0.6 && extra.length > 0 ? extra : values))
}

/** Stands for something nested so deep that it cannot be made as a value here; {@link hostileText} puts it in. */
export const deep = '@deep@'
const deepText = '['.repeat(20_000) + ']'.repeat(20_000)

/** A mutated value as the text it is read from. */
export function hostileText(value: unknown): string {
  return (JSON.stringify(value) ?? '').replaceAll(`"${deep}"`, deepText)
}

function changeSomewhere(root: object, random: Random, extra: readonly unknown[]): object {
  let at: Record<string, unknown> | unknown[] = root as Record<string, unknown>
  // Down a random way, more likely to end the deeper it is.
  for (;;) {
    const below = Object.values(at).filter((each) => typeof each === 'object' && each !== null) as Record<string, unknown>[]
    if (below.length === 0 || random.chance(0.4)) break
    at = random.pick(below)
  }
  const keys = Object.keys(at)
  if (Array.isArray(at)) {
    const number = random.below(at.length + 1)
    const action = random.below(4)
    if (action === 0) at.splice(number, 1)
    else if (action === 1) at.splice(number, 0, hostileValue(random, extra))
    else if (action === 2 && at.length > 0) at.push(at[random.below(at.length)])
    else if (at.length > 0) at[random.below(at.length)] = hostileValue(random, extra)
    return root
  }
  const key = keys.length > 0 && random.chance(0.9) ? random.pick(keys) : random.pick(['__proto__', 'toJSON', 'length', 'then', 'requires', 'v'])
  if (random.chance(0.2)) delete at[key]
  else Object.defineProperty(at, key, { value: hostileValue(random, extra), enumerable: true, configurable: true, writable: true })
  return root
}

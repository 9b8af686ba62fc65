/** Choices of one fuzz case, the same ones for the same start. */
export interface Random {
  /** 0 ≤ x < 1 */
  next(): number
  /** an integer, 0 ≤ x < `limit` */
  below(limit: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  bytes(length: number): Buffer
}

/** Mulberry32 (Tommy Ettinger, public domain): neighbouring starts have nothing in common, as the numbers of cases need it. */
export function createRandom(start: number): Random {
  let state = start | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick(list) {
      if (list.length === 0) throw new RangeError('there is nothing to pick from')
      return list[below(list.length)]!
    },
    bytes(length) {
      const bytes = Buffer.alloc(length)
      for (let i = 0; i < length; i += 1) bytes[i] = below(256)
      return bytes
    },
  }
}

/** The start of case `number` of a reader: of all of a run no two are alike but by accident. */
export function caseStart(seed: number, reader: string, number: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (const character of `${reader}/${number}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return hash
}

import { randomInt } from 'node:crypto'

/** Everything random in a test starts here, so that a failure can be had again: the run prints it, `BASTION_SEED=… npm test` repeats it. */
export const seed: number = seedOf(process.env['BASTION_SEED'])

/** A 32-bit signed integer, as fast-check takes it; a new one where none is given. */
function seedOf(text: string | undefined): number {
  if (text === undefined || text === '') return randomInt(2 ** 31)
  if (!/^-?\d{1,10}$/.test(text)) throw new Error(`BASTION_SEED is ${text}, and must be an integer`)
  return Number(text) | 0
}

/** Numbers in [0, 1), the same ones for the same start: xorshift32 (Marsaglia, 2003). */
export function seededRandom(start: number = seed): () => number {
  let state = start | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

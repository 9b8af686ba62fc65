import { BastionError, type ErrorCode, errorCodes } from '../../../src/core/errors.ts'
import type { RangeReader } from '../../../src/engine/formats/range-reader.ts'
import type { Random } from './random.ts'

/** How one hostile input ended: read to its end, or refused with a code. */
export type CaseOutcome = 'read' | ErrorCode

/** Something that reads untrusted bytes, and how to make hostile ones for it. */
export interface FuzzReader extends AsyncDisposable {
  /**
   * Makes one input and reads it every way there is.
   * @param timed every operation goes through it
   * @throws whatever shows a fault: an error that is none of ours, or a broken promise of the reader
   */
  run(random: Random, timed: Timed): Promise<CaseOutcome>
}

/** Runs one operation. @throws when it takes more time of the processor than any hostile input may cost */
export type Timed = <T>(operation: () => Promise<T>) => Promise<T>

/** A reader without anything to tidy up, of which a case is one operation. */
export function statelessReader(run: (random: Random) => Promise<CaseOutcome>): FuzzReader {
  return { run: (random, timed) => timed(() => run(random)), async [Symbol.asyncDispose]() {} }
}

/** What `read` came to. @throws what is not on the closed list */
export async function outcomeOf(read: () => unknown): Promise<CaseOutcome> {
  try {
    await read()
    return 'read'
  } catch (error) {
    return refusalCode(error)
  }
}

/** @throws `error` itself unless it is a refusal of the closed list that says something; `internal` is a bug by its own words */
export function refusalCode(error: unknown): ErrorCode {
  if (!(error instanceof BastionError) || !(error.code in errorCodes) || error.code === 'internal') throw error
  if (error.message === '') throw new Error(`${error.code} without a message`, { cause: error })
  return error.code
}

/** A broken promise of a reader. */
export function broken(promise: string, details?: unknown): Error {
  return new Error(details === undefined ? promise : `${promise}: ${JSON.stringify(details)?.slice(0, 2000)}`)
}

/** More than this is never asked for at once: a size that lies is refused before it is made room for. */
const maxAskedBytes = 72 * 1024 * 1024

/**
 * A reader of `bytes` that says it has `claimedBytes`, refuses what is not there as an object does that is shorter than its manifest says, and refuses to
 * be asked for more at once than any reader may need.
 */
export function hostileRangeReader(bytes: Uint8Array, claimedBytes: number = bytes.length): RangeReader {
  const missing = (): BastionError => new BastionError('artifact_damaged', 'is shorter than the manifest says')
  return {
    sizeBytes: claimedBytes,
    async read(offset, length) {
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) throw broken('only whole numbers of bytes are asked for', [offset, length])
      if (offset < 0 || length < 0 || offset + length > claimedBytes) throw new BastionError('artifact_damaged', 'outside of what is there')
      if (length > maxAskedBytes) throw broken('no more is asked for at once than a reader may need', length)
      if (offset + length > bytes.length) throw missing()
      return Uint8Array.from(bytes.subarray(offset, offset + length))
    },
    async *stream(offset, end = claimedBytes) {
      const pieceBytes = 1 + (bytes.length % 977)
      for (let at = offset; at < Math.min(end, bytes.length); at += pieceBytes) yield bytes.subarray(at, Math.min(at + pieceBytes, end))
      if (end > bytes.length) throw missing()
    },
  }
}

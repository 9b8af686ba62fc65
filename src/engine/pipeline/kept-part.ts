import type { Replayable } from '../targets/target.ts'

/** The bytes of one part while it is filled, kept until they are let go: a put of it can begin anew at any time. One writer, one reader at a time. */
export interface KeptPart extends Replayable {
  add(chunk: Uint8Array): void
  end(): void
  /** Ends who reads it, now or later, with an error. */
  fail(error: unknown): void
  /** Nobody reads it any more. @param free called with each chunk */
  release(free: (chunk: Uint8Array) => void): void
}

export function createKeptPart(): KeptPart {
  const chunks: Uint8Array[] = []
  let ended = false
  let failure: { error: unknown } | null = null
  let reading = 0
  let wake: (() => void) | null = null

  const changed = () => {
    wake?.()
    wake = null
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    const mine = ++reading
    for (let next = 0; ;) {
      if (failure !== null) throw failure.error
      if (mine !== reading) throw new Error('a part is read anew, and was still read by the put before')
      const chunk = chunks[next]
      if (chunk !== undefined) {
        next += 1
        yield chunk
      } else if (ended) {
        return
      } else {
        await new Promise<void>((resolve) => (wake = resolve))
      }
    }
  }

  return {
    replayable: true,
    add(chunk) {
      chunks.push(chunk)
      changed()
    },
    end() {
      ended = true
      changed()
    },
    fail(error) {
      failure ??= { error }
      changed()
    },
    release(free) {
      for (const chunk of chunks.splice(0)) free(chunk)
    },
    [Symbol.asyncIterator]: read,
  }
}

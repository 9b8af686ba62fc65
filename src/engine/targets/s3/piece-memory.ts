import { orCanceled } from '../cancellation.ts'
import { smallestPieceBytes } from './piece-size.ts'

/** Pieces of the usual size that wait to be filled again, rather than be collected and made anew. */
const keptPieces = 5

/** The memory that all uploads of one target share. */
export interface PieceMemory {
  readonly budgetBytes: number
  /** Waits until there is room, in the order asked. @param bytes at most the budget */
  take(bytes: number, signal: AbortSignal | undefined): Promise<Uint8Array>
  /** @param reusable false where something may still read it: a request that was broken off */
  give(piece: Uint8Array, reusable: boolean): void
}

export function createPieceMemory(budgetBytes: number): PieceMemory {
  const kept: Uint8Array[] = []
  const waiting: { bytes: number; wake: () => void }[] = []
  let takenBytes = 0

  function admit(): void {
    for (let next = waiting[0]; next !== undefined && takenBytes + next.bytes <= budgetBytes; next = waiting[0]) {
      waiting.shift()
      takenBytes += next.bytes
      next.wake()
    }
  }

  return {
    budgetBytes,
    async take(bytes, signal) {
      const place = { bytes, wake: () => {} }
      const admitted = new Promise<void>((resolve) => (place.wake = resolve))
      waiting.push(place)
      admit()
      try {
        await orCanceled(admitted, signal)
      } catch (error) {
        const at = waiting.indexOf(place)
        if (at >= 0) waiting.splice(at, 1)
        else takenBytes -= bytes
        admit()
        throw error
      }
      if (bytes === smallestPieceBytes && kept.length > 0) return kept.pop()!
      while (kept.length > 0 && takenBytes + kept.length * smallestPieceBytes > budgetBytes) kept.pop()
      // Not of the shared pool, and not filled with zeros: pages nobody writes to are none.
      return Buffer.allocUnsafeSlow(bytes)
    },
    give(piece, reusable) {
      takenBytes -= piece.length
      if (reusable && piece.length === smallestPieceBytes && kept.length < keptPieces) kept.push(piece)
      admit()
    },
  }
}

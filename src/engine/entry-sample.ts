import type { IndexedEntry } from './formats/index-entry.ts'

/** A random part of the entries of an index, which is scanned once, and once more where chance has taken too little. */
export interface EntrySample {
  /** Asked of every entry, in order. */
  takes(entry: IndexedEntry): boolean
  /** Whether what was taken is at least the share of the content, and at least one entry. */
  isEnough(): boolean
  /** The second scan begins. */
  again(): void
  /** Asked of every entry, in the same order: those that were not taken, until it is enough. */
  takesToo(entry: IndexedEntry): boolean
}

/**
 * @param share 0–1; 1 takes all
 * @param contentBytes of all files together
 * @param random 0 ≤ x < 1
 */
export function createSample(share: number, contentBytes: number, random: () => number): EntrySample {
  const wantedBytes = share * contentBytes
  /** a bit for each entry, set where it was taken */
  let taken = new Uint8Array(1024)
  let at = -1
  let count = 0
  let bytes = 0

  function take({ kind, size = 0 }: IndexedEntry): void {
    if (at >> 3 >= taken.length) {
      const grown = new Uint8Array(taken.length * 2)
      grown.set(taken)
      taken = grown
    }
    taken[at >> 3]! |= 1 << (at & 7)
    count += 1
    if (kind === 'file') bytes += size
  }

  const isEnough = () => bytes >= wantedBytes && (count > 0 || share === 0)
  return {
    takes(entry) {
      at += 1
      if (share < 1 && random() >= share) return false
      take(entry)
      return true
    },
    isEnough,
    again() {
      at = -1
    },
    takesToo(entry) {
      at += 1
      const isTaken = (taken[at >> 3] ?? 0) & (1 << (at & 7))
      if (isTaken !== 0 || isEnough() || (count > 0 && (entry.size ?? 0) === 0)) return false
      take(entry)
      return true
    },
  }
}

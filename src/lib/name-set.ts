import { createHash, randomBytes } from 'node:crypto'

/** Names that were met, at some 40 bytes each however long they are. */
export interface NameSet {
  add(name: string): void
  /** True for every name that was added; for another one with odds of one in 2^48 for each name in it, which nobody can better: the hash is salted. */
  has(name: string): boolean
}

export function createNameSet(): NameSet {
  const salt = randomBytes(16)
  const hashes = new Set<number>()
  const hashOf = (name: string): number => createHash('sha256').update(salt).update(name, 'latin1').digest().readUIntBE(0, 6)
  return {
    add(name) {
      hashes.add(hashOf(name))
    },
    has: (name) => hashes.has(hashOf(name)),
  }
}

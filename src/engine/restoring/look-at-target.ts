import { hasCode } from '../../core/errors.ts'
import type { Target } from '../targets/target.ts'

export type ExistingKey = { kind: 'an object'; sizeBytes: number } | { kind: 'a directory' } | { kind: 'a link' }

/** Listings of directories that are kept. */
const maxListings = 32

/** @returns what is at a key; directories that are made meanwhile may be missed */
export function createTargetLook(target: Target, signal: AbortSignal): (key: string) => Promise<ExistingKey | null> {
  const listings = new Map<string, Promise<ReadonlySet<string>>>()

  /** Directories in a directory: `stat` does not know them. */
  function directoriesIn(parent: string): Promise<ReadonlySet<string>> {
    const listed = listings.get(parent) ?? list(parent)
    listings.delete(parent)
    listings.set(parent, listed)
    for (const oldest of listings.keys()) if (listings.size > maxListings) listings.delete(oldest)
    return listed
  }

  async function list(parent: string): Promise<ReadonlySet<string>> {
    const directories = new Set<string>()
    for await (const { key, kind } of target.list(parent, { signal })) if (kind === 'directory') directories.add(key)
    return directories
  }

  return async (key) => {
    try {
      const stat = await target.stat(key)
      if (stat !== null) return { kind: 'an object', sizeBytes: stat.sizeBytes }
      return (await directoriesIn(key.slice(0, Math.max(0, key.lastIndexOf('/'))))).has(key) ? { kind: 'a directory' } : null
    } catch (error) {
      // A target follows no link, and does not look past one.
      if (hasCode(error, 'target_rejected')) return { kind: 'a link' }
      throw error
    }
  }
}

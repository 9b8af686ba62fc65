import { compilePathRules } from '../core/path-rules.ts'
import type { IndexedEntry } from './formats/entries-index-reader.ts'

/** Which entries of an artifact are meant. */
export interface Selection {
  /** every one */
  readonly all: boolean
  takes(entry: Pick<IndexedEntry, 'path' | 'kind'>): boolean
}

/**
 * Entries whose path matches one of `patterns` (a path, or a glob as in excludes, from the root: `/srv/app`, `*.jpg`), with everything below a matching directory.
 * None means all.
 * @throws invalid_spec
 */
export function selectEntries(patterns: readonly string[]): Selection {
  if (patterns.length === 0) return { all: true, takes: () => true }
  const rules = compilePathRules({ include: patterns, exclude: [], roots: ['/'] })
  return { all: false, takes: (entry) => rules.decide(`/${entry.path}`, entry.kind === 'dir') === 'take' }
}

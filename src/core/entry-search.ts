import { compilePathRules } from './path-rules.ts'

/** Whether an entry is one that is searched for. `path` begins at the root of the artifact, without a slash in front. */
export type EntrySearch = (path: string, isDirectory: boolean) => boolean

/**
 * With `*`, `?`, `[` or `\` it is a glob as in excludes, and what lies below a directory that matches is not told beside it. Anything else is looked for in the
 * name of an entry, or in its whole path where it has a slash; capitals do not count.
 * @throws BastionError invalid_spec
 */
export function compileEntrySearch(query: string): EntrySearch {
  if (/[*?[\\]/.test(query)) {
    const rules = compilePathRules({ include: [], exclude: [query], roots: ['/'] })
    const isMatch = (path: string, isDirectory: boolean) => rules.decide(`/${path}`, isDirectory) === 'skip'
    return (path, isDirectory) => {
      const parentEnd = path.lastIndexOf('/')
      return isMatch(path, isDirectory) && (parentEnd === -1 || !isMatch(path.slice(0, parentEnd), true))
    }
  }
  const text = query.toLowerCase()
  const wholePath = text.includes('/')
  return (path) => `/${wholePath ? path : path.slice(path.lastIndexOf('/') + 1)}`.toLowerCase().includes(text)
}

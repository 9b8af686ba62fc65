import { BastionError } from './errors.ts'
import type { SegmentMatcher } from './glob-segment.ts'
import { advance, anyDepth, noPositions, parsePathPattern, startPositions, type PathPattern, type Positions } from './path-pattern.ts'

/** `descend`: a directory that is not wanted itself, but something below it may be. Its entry is kept only when something below is taken. */
export type PathVerdict = 'take' | 'skip' | 'descend'

export interface PathRules {
  /**
   * @param path absolute and without `.`, `..` or a slash at its end, such as "/srv/a/b". The verdict depends on nothing but the arguments;
   *   it is quickest when the paths of a directory come one after the other, as a walk gives them.
   */
  decide(path: string, isDirectory: boolean): PathVerdict
}

export interface PathRulesSpec {
  /** when not empty: take only what one of these matches, and everything below a directory that one matches */
  include: readonly string[]
  exclude: readonly string[]
  /** the source paths, absolute */
  roots: readonly string[]
}

/**
 * Which paths of a source are taken. Patterns are those of .gitignore, matched on logical absolute paths, case counts:
 *
 * | pattern | matches |
 * |---|---|
 * | `*.tmp` | without a slash: any name below a source path, at any depth |
 * | `build/out`, `a/*.log` | with a slash inside: relative to each source path |
 * | `/srv/app/cache` | with a slash in front: the absolute path |
 * | `cache/` | with a slash at the end: directories only; the rules above look at the rest |
 * | `*` `?` | any run of characters, one character, neither a slash |
 * | `[a-z]` `[!a]` `[[:digit:]]` | one character of a set, or not of it |
 * | `**` as a whole segment | any number of directories, none too; at the end of a pattern everything inside, so `a/**` is not `a` itself |
 * | `\*` `\!` | the character itself |
 * | `!keep.tmp` | in `exclude` only: takes back an earlier exclusion; the last pattern that matches decides |
 *
 * What lies below an excluded directory is excluded, whatever a later `!` says, and an exclusion goes before an inclusion. The source paths
 * themselves and what leads to them were asked for by name and are never excluded; a source path that is a file is always taken.
 *
 * Unlike the lines of a .gitignore file, `#` starts no comment and spaces at the end count. A pattern that can never match (an open bracket, `..`,
 * a range that runs backwards) is refused instead of being ignored. Deciding takes time linear in the length of the path for each pattern.
 *
 * @throws BastionError invalid_spec naming the pattern
 */
export function compilePathRules(spec: PathRulesSpec): PathRules {
  const exclude = spec.exclude.map((text) => parsePathPattern(text, 'exclude'))
  const include = spec.include.map((text) => parsePathPattern(text, 'include'))
  for (const [index, pattern] of include.entries()) {
    if (!pattern.negated) continue
    const text = spec.include[index]!
    throw new BastionError('invalid_spec', `include pattern ${JSON.stringify(text)}: "!" has no meaning in an include list`, {
      hint: 'Leave files out with exclude; a name that starts with "!" is written "\\!".',
      details: { pattern: text, list: 'include' },
    })
  }
  const roots = rootPaths(spec.roots)
  const takesAll = include.length === 0
  const includesNames = include.some((pattern) => pattern.scope === 'name')

  const top = stateOf('', null, '')
  // The directories that lead to the path decided last: in a walk the next path shares most of them.
  const chain: Directory[] = [top]

  return { decide }

  function decide(path: string, isDirectory: boolean): PathVerdict {
    const end = path === '/' ? 0 : path.length
    if (isDirectory || end === 0) return verdictOnDirectory(directoryAt(path, end))
    const slash = path.lastIndexOf('/')
    const parent = directoryAt(path, slash)
    if (parent.holdsRoot && roots.all.has(path)) return 'take'
    if (!parent.inside || parent.excluded) return 'skip'
    const name = path.slice(slash + 1)
    if (isExcluded(parent.exclude, name, false)) return 'skip'
    return takesAll || parent.included || matchesAny(parent.include, name, false) ? 'take' : 'skip'
  }

  function verdictOnDirectory(directory: Directory): PathVerdict {
    if (!directory.inside || directory.excluded) return directory.leadsToRoot ? 'descend' : 'skip'
    if (takesAll || directory.included) return 'take'
    const mayIncludeBelow = includesNames || directory.includePositions.some((positions) => positions.length > 0)
    return mayIncludeBelow || directory.leadsToRoot ? 'descend' : 'skip'
  }

  /** The state of the directory `path.slice(0, end)`; "" is "/". */
  function directoryAt(path: string, end: number): Directory {
    let last = chain.at(-1)!
    while (!isAtOrBelow(path, end, last.path)) {
      chain.pop()
      last = chain.at(-1)!
    }
    while (last.path.length < end) {
      const from = last.path.length + 1
      const slash = path.indexOf('/', from)
      const to = slash === -1 || slash > end ? end : slash
      last = stateOf(path.slice(0, to), last, path.slice(from, to))
      chain.push(last)
    }
    return last
  }

  function stateOf(path: string, parent: Directory | null, name: string): Directory {
    const isRoot = roots.all.has(path)
    const inside = isRoot || (parent?.inside ?? false)
    const positionsOf = (pattern: PathPattern, before: Positions | undefined): Positions => {
      if (pattern.scope === 'name') return noPositions
      const reached = before === undefined ? noPositions : advance(pattern, before, name)
      const starts = pattern.scope === 'absolute' ? parent === null : isRoot
      return starts ? union(reached, startPositions(pattern)) : reached
    }
    const excludePositions = exclude.map((pattern, index) => positionsOf(pattern, parent?.excludePositions[index]))
    const includePositions = include.map((pattern, index) => positionsOf(pattern, parent?.includePositions[index]))
    return {
      path,
      inside,
      excluded: !isRoot && parent !== null && parent.inside && (parent.excluded || isExcluded(parent.exclude, name, true)),
      included: parent !== null && (parent.included || matchesAny(parent.include, name, true)),
      holdsRoot: roots.parents.has(path),
      leadsToRoot: roots.ancestors.has(path),
      excludePositions,
      includePositions,
      exclude: nameTests(exclude, excludePositions, inside).reverse(),
      include: nameTests(include, includePositions, inside),
    }
  }
}

/** What the rules know about a directory, as far as it matters to what lies in it. */
interface Directory {
  /** without a slash at its end: "" is "/" */
  path: string
  /** a source path, or below one */
  inside: boolean
  excluded: boolean
  /** an include pattern matched it or a directory above it */
  included: boolean
  /** a source path is directly in it */
  holdsRoot: boolean
  /** a source path is somewhere below it */
  leadsToRoot: boolean
  excludePositions: Positions[]
  includePositions: Positions[]
  /** the patterns that can match a name in this directory, the last of the list first */
  exclude: NameTest[]
  include: NameTest[]
}

interface NameTest {
  /** null matches every name */
  matches: SegmentMatcher | null
  negated: boolean
  directoriesOnly: boolean
}

function nameTests(patterns: readonly PathPattern[], positions: readonly Positions[], inside: boolean): NameTest[] {
  const tests: NameTest[] = []
  for (const [index, { scope, segments, negated, directoriesOnly }] of patterns.entries()) {
    const possible = scope === 'name' ? inside : positions[index]!.at(-1) === segments.length - 1
    const last = segments.at(-1)!
    if (possible) tests.push({ matches: last === anyDepth ? null : last, negated, directoriesOnly })
  }
  return tests
}

function isExcluded(lastFirst: readonly NameTest[], name: string, isDirectory: boolean): boolean {
  for (const test of lastFirst) {
    if ((isDirectory || !test.directoriesOnly) && (test.matches === null || test.matches(name))) return !test.negated
  }
  return false
}

function matchesAny(tests: readonly NameTest[], name: string, isDirectory: boolean): boolean {
  for (const test of tests) {
    if ((isDirectory || !test.directoriesOnly) && (test.matches === null || test.matches(name))) return true
  }
  return false
}

function isAtOrBelow(path: string, end: number, directory: string): boolean {
  if (directory.length === end) return path.startsWith(directory)
  return directory.length < end && path.charCodeAt(directory.length) === 0x2f && path.startsWith(directory)
}

function union(a: Positions, b: Positions): Positions {
  if (a.length === 0) return b
  return [...new Set([...a, ...b])].sort((x, y) => x - y)
}

function rootPaths(texts: readonly string[]): { all: ReadonlySet<string>; parents: ReadonlySet<string>; ancestors: ReadonlySet<string> } {
  const all = new Set<string>()
  const parents = new Set<string>()
  const ancestors = new Set<string>()
  for (const text of texts) {
    if (!text.startsWith('/')) throw new BastionError('invalid_spec', `the source path ${JSON.stringify(text)} is not absolute`)
    const root = text.replace(/\/+$/, '')
    all.add(root)
    let end = root.lastIndexOf('/')
    if (end >= 0) parents.add(root.slice(0, end))
    for (; end >= 0; end = root.lastIndexOf('/', end - 1)) {
      ancestors.add(root.slice(0, end))
      if (end === 0) break
    }
  }
  return { all, parents, ancestors }
}

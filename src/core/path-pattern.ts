import { BastionError } from './errors.ts'
import { bracketEnd, compileSegment, GlobSyntaxError, type SegmentMatcher } from './glob-segment.ts'

/** `**` as a whole segment: any number of directories, none included; at the end of a pattern at least one name. */
export const anyDepth = Symbol('**')

/** A parsed line of an include or exclude list. The syntax is described at `compilePathRules`. */
export interface PathPattern {
  negated: boolean
  directoriesOnly: boolean
  /** `name`: one segment, tried on every name; `absolute`: from "/"; `relative`: from each source path */
  scope: 'name' | 'absolute' | 'relative'
  /** at least one; two {@link anyDepth} never follow one another */
  segments: (SegmentMatcher | typeof anyDepth)[]
}

/** The pattern that matches this absolute path, and what lies below it, and nothing else, whatever stands in its names. */
export function patternOfPath(path: string): string {
  return path.replace(/[\\*?[\]!]/g, '\\$&')
}

/**
 * @param list where the pattern stands, for the message
 * @throws BastionError invalid_spec
 */
export function parsePathPattern(text: string, list: 'include' | 'exclude'): PathPattern {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof GlobSyntaxError)) throw error
    throw new BastionError('invalid_spec', `${list} pattern ${JSON.stringify(text)}: ${error.message}`, {
      cause: error,
      hint: 'Patterns are written as in .gitignore; "\\" makes the next character an ordinary one.',
      details: { pattern: text, list },
    })
  }
}

function parse(text: string): PathPattern {
  if (text.includes('\0')) throw new GlobSyntaxError('no name holds a zero byte')
  const negated = text.startsWith('!')
  let body = negated ? text.slice(1) : text
  const directoriesOnly = body.endsWith('/')
  if (directoriesOnly) body = body.slice(0, -1)
  const absolute = body.startsWith('/')
  // As in git, a slash inside brackets anchors the pattern too, though no name can hold it.
  const scope = absolute ? 'absolute' : body.includes('/') ? 'relative' : 'name'
  if (absolute) body = body.slice(1)
  if (body === '') throw new GlobSyntaxError('it names nothing')

  const segments: PathPattern['segments'] = []
  for (const source of splitSegments(body)) {
    if (source === '') throw new GlobSyntaxError('two slashes follow one another')
    if (source === '.' || source === '..') throw new GlobSyntaxError(`no path holds "${source}"`)
    if (scope !== 'name' && /^\*{2,}$/.test(source)) {
      if (segments.at(-1) !== anyDepth) segments.push(anyDepth)
    } else {
      segments.push(compileSegment(source))
    }
  }
  return { negated, directoriesOnly, scope, segments }
}

/** Cuts at slashes, an escaped one too, but not at those inside brackets. */
function splitSegments(body: string): string[] {
  const segments: string[] = []
  let segment = ''
  for (let at = 0; at < body.length;) {
    let end = at + 1
    if (body[at] === '/' || (body[at] === '\\' && body[at + 1] === '/')) {
      segments.push(segment)
      segment = ''
      at = body[at] === '/' ? at + 1 : at + 2
      continue
    }
    if (body[at] === '\\') end = at + 2
    else if (body[at] === '[') end = bracketEnd(body, at)
    segment += body.slice(at, end)
    at = end
  }
  segments.push(segment)
  return segments
}

/**
 * How far into a pattern the names of a path can have come: indices of the segments that may take the next name, ascending. A path is followed name
 * by name, so each name meets each segment once and nothing is ever tried twice.
 */
export type Positions = readonly number[]

export const noPositions: Positions = []

export function startPositions(pattern: PathPattern): Positions {
  const positions: number[] = []
  enter(pattern, 0, positions)
  return positions
}

/** Where the pattern stands after one more directory. */
export function advance(pattern: PathPattern, from: Positions, name: string): Positions {
  if (from.length === 0) return noPositions
  const next: number[] = []
  for (const position of from) {
    const segment = pattern.segments[position]!
    if (segment === anyDepth) enter(pattern, position, next)
    else if (position + 1 < pattern.segments.length && segment(name)) enter(pattern, position + 1, next)
  }
  return next.length === 0 ? noPositions : next
}

/** `**` may also stand for no directory at all, unless it comes last. */
function enter(pattern: PathPattern, position: number, positions: number[]): void {
  // Positions come in ascending order without gaps between those one source adds, so a smaller one is there already.
  if (position > (positions.at(-1) ?? -1)) positions.push(position)
  if (pattern.segments[position] === anyDepth && position + 1 < pattern.segments.length) enter(pattern, position + 1, positions)
}

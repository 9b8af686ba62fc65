/** Decides about one name: the text between two slashes. */
export type SegmentMatcher = (name: string) => boolean

/** Why a pattern is not one. The caller names the pattern. */
export class GlobSyntaxError extends Error {}

interface CharacterClass {
  negated: boolean
  /** inclusive code points: low, high, low, high … */
  ranges: number[]
}

const star = Symbol('star')
const anyCharacter = Symbol('any character')
type Token = typeof star | typeof anyCharacter | CharacterClass | number

/** The POSIX classes git knows, ASCII only as there. */
const posixClasses: Readonly<Record<string, readonly number[]>> = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0x00, 0x1f, 0x7f, 0x7f],
  digit: [0x30, 0x39],
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
}

/**
 * Compiles `*`, `?`, `[…]` and `\x` of one path segment. The matcher takes at most (length of the name) × (length of the pattern) steps, whatever
 * the pattern: it only ever goes back to the last `*`.
 * @throws GlobSyntaxError
 */
export function compileSegment(source: string): SegmentMatcher {
  const tokens = tokenize(source)
  return simpleMatcher(tokens) ?? ((name) => matchTokens(tokens, name))
}

/**
 * The index after the `]` that closes the bracket opened at `open`.
 * @throws GlobSyntaxError
 */
export function bracketEnd(source: string, open: number): number {
  return parseBracket(source, open).end
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < source.length;) {
    const character = source.codePointAt(at)!
    if (character === 0x2a) {
      if (tokens.at(-1) !== star) tokens.push(star)
      at++
    } else if (character === 0x3f) {
      tokens.push(anyCharacter)
      at++
    } else if (character === 0x5b) {
      const { characterClass, end } = parseBracket(source, at)
      tokens.push(characterClass)
      at = end
    } else {
      const literal = literalAt(source, at)
      tokens.push(literal.codePoint)
      at = literal.end
    }
  }
  return tokens
}

/** One character, a `\` before it taken away. */
function literalAt(source: string, at: number): { codePoint: number; end: number } {
  const from = source[at] === '\\' ? at + 1 : at
  const codePoint = source.codePointAt(from)
  if (codePoint === undefined) throw new GlobSyntaxError('a "\\" at the end escapes nothing')
  return { codePoint, end: from + (codePoint > 0xffff ? 2 : 1) }
}

function parseBracket(source: string, open: number): { characterClass: CharacterClass; end: number } {
  const characterClass: CharacterClass = { negated: false, ranges: [] }
  let at = open + 1
  if (source[at] === '!' || source[at] === '^') {
    characterClass.negated = true
    at++
  }
  // A "]" that comes first is a member.
  for (const first = at; at === first || source[at] !== ']';) {
    if (at >= source.length) throw new GlobSyntaxError('a "[" is not closed')
    const named = source[at] === '[' && source[at + 1] === ':' ? /^\[:([^\]]*):\]/.exec(source.slice(at)) : null
    if (named !== null) {
      const ranges = posixClasses[named[1]!]
      if (ranges === undefined) throw new GlobSyntaxError(`there is no character class "${named[1]!}"`)
      characterClass.ranges.push(...ranges)
      at += named[0].length
      continue
    }
    const low = literalAt(source, at)
    at = low.end
    let high = low.codePoint
    if (source[at] === '-' && at + 1 < source.length && source[at + 1] !== ']') {
      const end = literalAt(source, at + 1)
      high = end.codePoint
      at = end.end
      if (high < low.codePoint) throw new GlobSyntaxError('a range of characters runs backwards')
    }
    characterClass.ranges.push(low.codePoint, high)
  }
  return { characterClass, end: at + 1 }
}

/** What nearly all patterns are: a name, `*`, `*.ext`, `prefix*`, `a*b`, `*part*`. Null for the others. */
function simpleMatcher(tokens: readonly Token[]): SegmentMatcher | null {
  const stars: number[] = []
  for (const [index, token] of tokens.entries()) {
    if (token === star) stars.push(index)
    else if (typeof token !== 'number') return null
  }
  const literals = tokens.map((token) => (typeof token === 'number' ? String.fromCodePoint(token) : ''))
  const text = (from: number, to?: number) => literals.slice(from, to).join('')
  const first = stars[0]
  if (first === undefined) {
    const name = text(0)
    return (candidate) => candidate === name
  }
  if (stars.length === 1) {
    const prefix = text(0, first)
    const suffix = text(first + 1)
    if (prefix === '' && suffix === '') return () => true
    if (prefix === '') return (name) => name.endsWith(suffix)
    if (suffix === '') return (name) => name.startsWith(prefix)
    const shortest = prefix.length + suffix.length
    return (name) => name.length >= shortest && name.startsWith(prefix) && name.endsWith(suffix)
  }
  if (stars.length === 2 && first === 0 && stars[1] === tokens.length - 1) {
    const part = text(1, tokens.length - 1)
    return (name) => name.includes(part)
  }
  return null
}

function matchTokens(tokens: readonly Token[], name: string): boolean {
  let at = 0
  let token = 0
  let afterStar = -1
  let starEnd = 0
  while (at < name.length) {
    const expected = tokens[token]
    const codePoint = name.codePointAt(at)!
    if (expected === star) {
      afterStar = ++token
      starEnd = at
    } else if (expected !== undefined && accepts(expected, codePoint)) {
      token++
      at += codePoint > 0xffff ? 2 : 1
    } else if (afterStar >= 0) {
      // The last star takes one character more; earlier stars need not be tried again, as they already match the least.
      starEnd += name.codePointAt(starEnd)! > 0xffff ? 2 : 1
      at = starEnd
      token = afterStar
    } else {
      return false
    }
  }
  if (tokens[token] === star) token++
  return token === tokens.length
}

function accepts(token: Exclude<Token, typeof star>, codePoint: number): boolean {
  if (token === anyCharacter) return true
  if (typeof token === 'number') return token === codePoint
  for (let i = 0; i < token.ranges.length; i += 2) {
    if (codePoint >= token.ranges[i]! && codePoint <= token.ranges[i + 1]!) return !token.negated
  }
  return token.negated
}

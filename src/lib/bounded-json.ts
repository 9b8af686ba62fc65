/** Deeper than anything of ours, and far from where a stack ends. */
const maxDepth = 64

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/**
 * `JSON.parse` for text somebody else may have written: a value takes up to thirty times the memory of its text (`{},{},…`), and what is nested very deep
 * cannot be written as JSON again. Looks at each character once before anything is made.
 * @param maxValues how many values there may be, one for each comma and each opening bracket
 * @throws SyntaxError
 */
export function parseBoundedJson(text: string, maxValues: number): unknown {
  let values = 1
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === quote) {
      at = endOfString(text, at)
    } else if (character === comma) {
      values += 1
    } else if (character === openBrace || character === openBracket) {
      values += 1
      depth += 1
      if (depth > maxDepth) throw new SyntaxError(`JSON nested deeper than ${maxDepth}`)
    } else if (character === closeBrace || character === closeBracket) {
      depth -= 1
    }
    if (values > maxValues) throw new SyntaxError(`JSON of more than ${maxValues} values`)
  }
  return JSON.parse(text)
}

/** Where the string that begins at `start` has its closing quote; the end of the text when it has none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === quote) return at
    if (character === backslash) at += 1
  }
  return text.length
}

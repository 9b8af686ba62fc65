/** Endless text of made-up words, half of it in phrases that come again: level 3 makes about a third of it, as of prose and code. */
export interface TextSource {
  fill(bytes: Uint8Array): void
}

const wordCount = 20_000
const phraseCount = 4_000
const separators = [' ', ' ', ' ', ' ', ' ', ', ', '. ', '\n', '_', '(', ') ', ' = ', '/']

export function createTextSource(random: () => number): TextSource {
  const words = Array.from({ length: wordCount }, () => makeWord(random))
  /** few words are frequent, most are rare */
  const anyWord = () => words[Math.floor(wordCount * random() ** 3)]!
  const phrases = Array.from({ length: phraseCount }, () => {
    const length = 2 + Math.floor(random() * 6)
    return Buffer.concat(Array.from({ length }, anyWord))
  })
  /** what did not fit into the last piece is where the next one begins */
  let rest: Uint8Array = Buffer.alloc(0)

  return {
    fill(bytes) {
      let at = 0
      while (at < bytes.length) {
        if (rest.length === 0) rest = random() < 0.15 ? phrases[Math.floor(phraseCount * random() ** 2)]! : anyWord()
        const taken = Math.min(rest.length, bytes.length - at)
        for (let i = 0; i < taken; i++) bytes[at + i] = rest[i]!
        rest = rest.subarray(taken)
        at += taken
      }
    },
  }
}

/** Letters, now and then a number, and what stands behind them. */
function makeWord(random: () => number): Buffer {
  const separator = separators[Math.floor(random() * separators.length)]!
  if (random() < 0.05) return Buffer.from(`${Math.floor(random() * 100_000)}${separator}`)
  const syllables = 1 + Math.floor(random() * 3.5)
  let word = ''
  for (let i = 0; i < syllables; i++) {
    word += 'bcdfghjklmnprstvwz'[Math.floor(18 * random() ** 1.5)]! + 'eaoiuy'[Math.floor(6 * random() ** 1.5)]!
    if (random() < 0.3) word += 'nrstlm'[Math.floor(6 * random())]!
  }
  return Buffer.from(word + separator)
}

/**
 * The words of a command as it is typed in a shell: white space parts them, '…' and "…" keep them together, a backslash takes the next letter as it is, in
 * "…" only before " and \. Nothing is expanded. `null` where a quote is not closed.
 */
export function commandWords(text: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote: string | null = null
  const letters = text[Symbol.iterator]()
  for (const letter of letters) {
    if (letter === quote) quote = null
    else if (letter === '\\' && quote !== "'") {
      const next: string | undefined = letters.next().value
      if (next === undefined) return null
      word = (word ?? '') + (quote === null || next === '"' || next === '\\' ? next : `\\${next}`)
    } else if (quote !== null) word = (word ?? '') + letter
    else if (letter === "'" || letter === '"') {
      quote = letter
      word ??= ''
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + letter
  }
  if (quote !== null) return null
  return word === null ? words : [...words, word]
}

/** A command as one would type it: {@link commandWords} gives its words again. */
export function commandText(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)).join(' ')
}

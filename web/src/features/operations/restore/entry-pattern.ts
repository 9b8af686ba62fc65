import { patternOfPath } from '../../../../../src/core/path-pattern.ts'

/** A path of an artifact, which has no slash in front, as the pattern that matches it alone with what is below it. */
export function patternOfEntry(path: string): string {
  return patternOfPath(`/${path}`)
}

/** What is searched for, as the pattern that matches the same: a glob as it stands, or else a part of a name or, with a slash, of a path, whatever its capitals. */
export function patternOfSearch(text: string): string {
  if (/[*?[\\]/.test(text)) return text
  const anyCase = text.replace(/\p{L}/gu, (letter) => {
    const both = new Set([letter.toLowerCase(), letter.toUpperCase()])
    return both.size === 2 && [...both].every((each) => each.length === letter.length) ? `[${[...both].join('')}]` : letter
  })
  if (!text.includes('/')) return `*${anyCase}*`
  return text.startsWith('/') ? `**${anyCase}*` : `**/*${anyCase}*`
}

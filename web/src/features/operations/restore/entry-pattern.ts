/** A path of an artifact as the pattern that matches it alone, with what is below it. */
export function patternOfPath(path: string): string {
  return `/${path.replace(/[\\*?[\]]/g, '\\$&')}`
}

/** What a person writes to find files by name: a pattern as it stands, or a part of a name. */
export function patternOfSearch(text: string): string {
  return /[*?[\]/]/.test(text) ? text : `*${text.replaceAll('\\', '\\\\')}*`
}

/** The formats of a language, each made once: one takes longer to make than what it writes for a row of a list. */
export interface IntlFormats {
  number(language: string, options?: Intl.NumberFormatOptions): Intl.NumberFormat
  dateTime(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat
  relative(language: string): Intl.RelativeTimeFormat
}

export function createIntlFormats(): IntlFormats {
  return {
    number: keptBy((language, options?: Intl.NumberFormatOptions) => new Intl.NumberFormat(language, options)),
    dateTime: keptBy((language, options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(language, options)),
    relative: keptBy((language) => new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' })),
  }
}

function keptBy<Options extends unknown[], Format>(make: (language: string, ...options: Options) => Format) {
  const kept = new Map<string, Format>()
  return (...asked: [language: string, ...Options]): Format => {
    const name = JSON.stringify(asked)
    const known = kept.get(name)
    if (known !== undefined) return known
    const made = make(...asked)
    kept.set(name, made)
    return made
  }
}

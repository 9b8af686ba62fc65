/** Where keys stand on a server: paths as they are sent, every character that could mean something else percent-encoded. */
export interface WebdavPaths {
  /** An object's. */
  object(segments: readonly string[]): string
  /** A collection's: some servers do not know it without the slash at its end. */
  collection(segments: readonly string[]): string
  /**
   * The segments of an answer's href below given ones, none for these themselves. `null` when one is no part of any key: not UTF-8, or with a slash in it.
   * @throws RangeError when it is not below them
   */
  below(segments: readonly string[], href: string): string[] | null
}

/** @param basePath the path of the address, percent-encoded, with or without a slash at its end */
export function createWebdavPaths(basePath: string): WebdavPaths {
  const base = basePath.replace(/\/+$/, '')
  const baseSegments = decodedSegments(base) ?? []

  function object(segments: readonly string[]): string {
    return [base, ...segments.map(encodeURIComponent)].join('/')
  }

  return {
    object,
    collection: (segments) => `${object(segments)}/`,
    below(segments, href) {
      // An absolute URL or an absolute path (RFC 4918, 8.3), and no query.
      const path = href.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').replace(/[?#].*$/s, '')
      const parts = path.split('/').filter((part) => part !== '')
      // Servers on filesystems that normalize names may say them in another form than we did.
      const above = [...baseSegments, ...segments].map((segment) => segment.normalize())
      const isBelow = parts.length >= above.length && above.every((segment, i) => decoded(parts[i]!)?.normalize() === segment)
      if (!isBelow) throw new RangeError(`${href} is not below ${object(segments)}`)
      return decodedSegments(parts.slice(above.length).join('/'))
    },
  }
}

function decodedSegments(path: string): string[] | null {
  const segments = path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
  return segments.includes(null) ? null : (segments as string[])
}

function decoded(part: string): string | null {
  try {
    const name = decodeURIComponent(part)
    return name === '.' || name === '..' || /[/\0]/.test(name) ? null : name
  } catch {
    return null
  }
}

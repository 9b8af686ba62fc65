import { prefixSegments, keySegments, removablePrefixSegments } from '../target-key.ts'

/** Between the keys of a target and the names its objects have in the bucket, which are the same behind the target's own prefix. */
export interface S3Keys {
  /** @throws invalid_spec for what is no key, as do the others */
  objectName(key: string): string
  /** What the names of all below a directory begin with: `''`, or with a slash at its end. */
  directoryName(prefix: string): string
  /** The same of a directory that is to be removed: never `''`, and never the target's own prefix. */
  removableDirectoryName(prefix: string): string
  /** `undefined` for a name no key could have: a folder marker of some console (`a/`), `a//b`, what lies outside. */
  keyOf(name: string): string | undefined
}

/** @param prefix the target's place in the bucket, without slashes around it; `''` for the whole bucket */
export function createS3Keys(prefix: string): S3Keys {
  const base = nameOf(prefixSegments(prefix))
  return {
    objectName: (key) => base + keySegments(key).join('/'),
    directoryName: (directory) => base + nameOf(prefixSegments(directory)),
    removableDirectoryName: (directory) => base + nameOf(removablePrefixSegments(directory)),
    keyOf(name) {
      if (!name.startsWith(base)) return undefined
      const key = name.slice(base.length)
      return isKey(key) ? key : undefined
    },
  }
}

function nameOf(segments: readonly string[]): string {
  return segments.length === 0 ? '' : `${segments.join('/')}/`
}

function isKey(key: string): boolean {
  try {
    keySegments(key)
    return true
  } catch {
    return false
  }
}

/**
 * A name as a listing gives it when it was asked to encode names (`encoding-type=url`): percent-encoded, a space also as `+`. Names can hold what
 * XML cannot.
 * @returns undefined when the name is not UTF-8, which no key could name
 */
export function decodeListedName(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

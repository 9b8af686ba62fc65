import { BastionError } from '../../core/errors.ts'
import type { GetOptions } from './target.ts'

/**
 * The segments of an object's key.
 * @throws invalid_spec when a segment is empty, `.` or `..`, or the key holds a NUL or half a character (a lone surrogate)
 */
export function keySegments(key: string): string[] {
  const segments = key.split('/')
  const wrong = segments.some((segment) => segment === '' || segment === '.' || segment === '..')
  if (wrong || key.includes('\0') || !key.isWellFormed()) throw new BastionError('invalid_spec', `${JSON.stringify(key)} is not a key of a target.`)
  return segments
}

/** The segments of a directory's key; none for `''`, the root. @throws invalid_spec as {@link keySegments} */
export function prefixSegments(prefix: string): string[] {
  return prefix === '' ? [] : keySegments(prefix)
}

/** The same for what is to be removed, where the root is refused too. @throws invalid_spec */
export function removablePrefixSegments(prefix: string): string[] {
  if (prefix === '') throw new BastionError('invalid_spec', 'A whole target is never emptied: name the directory to remove.')
  return keySegments(prefix)
}

/** Where a read starts and ends (exclusive; `Infinity` without a range). @throws invalid_spec */
export function rangeBounds(range: GetOptions['range']): { offset: number; end: number } {
  if (range === undefined) return { offset: 0, end: Number.POSITIVE_INFINITY }
  const { offset, length } = range
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new BastionError('invalid_spec', `Not a range of bytes: ${length} from ${offset}.`)
  }
  return { offset, end: offset + length }
}

import { isTemporaryName } from './temporary-name.ts'

/** Which keys a place gives back as they were put. What is absent is not promised: then the place is taken for the worst of its kind. */
export interface NameRules {
  /** of one segment, in UTF-8 */
  readonly maxSegmentBytes: number
  /** of a whole key, in UTF-8 */
  readonly maxKeyBytes: number
  /** `README` and `readme` are two objects. */
  readonly caseSensitive?: true
  /** What differs in normalisation only (é in one character or in two) are two objects, each named as it was put. */
  readonly exactUnicode?: true
  readonly controlCharacters?: true
  /** names of segments that the place keeps for itself */
  readonly isReserved?: (segment: string) => boolean
}

/** What every place holds that keeps the contract: of those that say nothing no more is believed. */
export const safestNames: NameRules = {
  maxSegmentBytes: 200,
  maxKeyBytes: 900,
  // Web servers hide `.htaccess` and its like.
  isReserved: (segment) => isTemporaryName(segment) || /^\.ht/i.test(segment),
}

/** C0, DEL, C1, and what is no character in XML: WebDAV and S3 list in it. */
const control = /[\p{Cc}\u2028\u2029\ufffe\uffff]/u

/** Whether a key may have this segment, as far as the segment alone decides. */
export function canHoldSegment(rules: NameRules, segment: string): boolean {
  if (!segment.isWellFormed() || Buffer.byteLength(segment) > rules.maxSegmentBytes) return false
  if (!rules.controlCharacters && control.test(segment)) return false
  if (!rules.exactUnicode && segment.normalize('NFC') !== segment) return false
  return rules.isReserved?.(segment) !== true
}

/** What two segments have in common that such a place may take for one. More than needed does no harm. */
export function foldSegment(rules: NameRules, segment: string): string {
  const plain = rules.exactUnicode ? segment : segment.normalize('NFKD')
  return rules.caseSensitive ? plain : plain.toUpperCase().toLowerCase()
}

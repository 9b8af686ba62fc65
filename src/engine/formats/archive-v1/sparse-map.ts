import { BastionError } from '../../../core/errors.ts'
import { blockBytes, maxSparseSegments, tarDamaged, tarPadding } from './tar-fields.ts'

/** Where a sparse file has data: `[offset, length]` in bytes, ascending, not overlapping. All between is holes. */
export type SparseMap = ReadonlyArray<readonly [offset: number, length: number]>

/**
 * The map of GNU sparse format 1.0 as it stands before the data: the number of segments, then offset and length of each, in decimal with a newline
 * after every number, filled with zeros to a block (GNU tar manual, "PAX Format, Version 1.0"). A file that ends in a hole gets an empty last
 * segment, from which GNU tar learns to extend it.
 *
 * @throws RangeError for a map that does not ascend or leaves the file
 * @throws BastionError unsupported for more than {@link maxSparseSegments} segments
 */
export function encodeSparseMap(map: SparseMap, realSizeBytes: number): Uint8Array {
  if (map.length > maxSparseSegments) {
    throw new BastionError('unsupported', `A sparse file of ${map.length} data segments; at most ${maxSparseSegments} can be stored.`)
  }
  let end = 0
  let text = ''
  for (const [offset, length] of map) {
    if (offset < end || !(length >= 0)) throw new RangeError(`the sparse map does not ascend at ${offset}`)
    end = offset + length
    text += `${offset}\n${length}\n`
  }
  if (end > realSizeBytes) throw new RangeError(`the sparse map ends at ${end}, the file at ${realSizeBytes}`)
  const endsInHole = end < realSizeBytes || map.length === 0
  text = `${map.length + (endsInHole ? 1 : 0)}\n${text}${endsInHole ? `${realSizeBytes}\n0\n` : ''}`
  const bytes = Buffer.alloc(text.length + tarPadding(text.length))
  bytes.write(text, 'latin1')
  return bytes
}

/** An upper bound of what {@link encodeSparseMap} gives, without making it: no number has more than 16 digits. */
export function sparseMapBound(map: SparseMap): number {
  return (map.length + 2) * 34 + blockBytes
}

/** The map without empty segments and how many bytes it took, padding included; none when `bytes` ends before the map does. */
export interface DecodedSparseMap {
  map: Array<[offset: number, length: number]>
  mapBytes: number
  dataBytes: number
}

/**
 * The map at `from` in `bytes`, which must end at or before `to`, where the member's content ends.
 * @throws BastionError artifact_damaged for anything that is no ascending map within `realSizeBytes`
 */
export function decodeSparseMap(bytes: Uint8Array, from: number, to: number, realSizeBytes: number): DecodedSparseMap | undefined {
  const end = Math.min(to, bytes.length)
  let at = from
  function nextNumber(): number | undefined {
    let value = 0
    const first = at
    for (; at < end; at += 1) {
      const digit = (bytes[at] ?? 0) - 48
      if (digit >= 0 && digit <= 9) value = value * 10 + digit
      else if (digit === 10 - 48 && at > first) {
        at += 1
        return value
      } else break
      // Ends a number of any length, zeros before it too.
      if (value > Number.MAX_SAFE_INTEGER || at - first > 16) break
    }
    if (at < end || end === to) throw tarDamaged('a sparse map is malformed')
    return undefined
  }

  const count = nextNumber()
  if (count === undefined) return undefined
  // The last one may be the empty segment that marks the file's end.
  if (count > maxSparseSegments + 1) throw tarDamaged(`a sparse file has ${count} segments`)
  const map: Array<[number, number]> = []
  let previousEnd = 0
  let dataBytes = 0
  for (let i = 0; i < count; i += 1) {
    const offset = nextNumber()
    const length = offset === undefined ? undefined : nextNumber()
    if (offset === undefined || length === undefined) return undefined
    if (offset < previousEnd || offset + length > realSizeBytes) throw tarDamaged('the segments of a sparse file overlap or leave it')
    previousEnd = offset + length
    dataBytes += length
    if (length > 0) map.push([offset, length])
  }
  const mapBytes = at - from + tarPadding(at - from)
  if (from + mapBytes > to) throw tarDamaged('a sparse map does not end where its member does')
  return from + mapBytes > bytes.length ? undefined : { map, mapBytes, dataBytes }
}

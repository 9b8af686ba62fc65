import { toBytePath } from '../../../lib/byte-path.ts'
import type { BytePath } from '../../../lib/byte-path.ts'
import { tarDamaged } from './tar-fields.ts'

/**
 * Records of a pax extended header: `"%d %s=%s\n", <length>, <keyword>, <value>`, the length counting itself (POSIX.1-2017, pax Extended Header).
 * The put functions write at `at` and return the offset behind the record.
 */

/** GNU tar and star keep an extended attribute in a record of this prefix and its name. */
export const xattrPrefix = 'SCHILY.xattr.'

export function putTextRecord(into: Buffer, at: number, key: string, value: BytePath): number {
  return putEnd(into, putBytes(into, putStart(into, at, key, value.length), value))
}

export function putDecimalRecord(into: Buffer, at: number, key: string, value: number): number {
  return putTextRecord(into, at, key, String(value))
}

/** GNU tar's spelling of an attribute's name: "=" would end the keyword, so it and "%" are percent-encoded. */
export function putXattrRecord(into: Buffer, at: number, name: string, value: Uint8Array): number {
  const key = xattrPrefix + toBytePath(name).replaceAll('%', '%25').replaceAll('=', '%3D')
  const start = putStart(into, at, key, value.length)
  if (start + value.length > into.length) throw new RangeError('the tar header does not fit')
  into.set(value, start)
  return putEnd(into, start + value.length)
}

/** Seconds with up to nine decimals, as exact as the file system is. */
export function putTimeRecord(into: Buffer, at: number, key: string, isNegative: boolean, seconds: number, nanoseconds: number): number {
  let nanos = nanoseconds
  let decimals = nanos === 0 ? 0 : 9
  for (; decimals > 0 && nanos % 10 === 0; decimals -= 1) nanos /= 10
  const digits = decimalDigits(seconds)
  let to = putStart(into, at, key, (isNegative ? 1 : 0) + digits + (decimals > 0 ? 1 + decimals : 0))
  if (isNegative) into[to++] = 45
  to = putDigits(into, to, seconds, digits)
  if (decimals > 0) {
    into[to] = 46
    to = putDigits(into, to + 1, nanos, decimals)
  }
  return putEnd(into, to)
}

/** Everything of a record up to its value. */
function putStart(into: Buffer, at: number, key: string, valueLength: number): number {
  const rest = key.length + valueLength + 3
  let digits = decimalDigits(rest)
  if (decimalDigits(rest + digits) > digits) digits += 1
  const to = putDigits(into, at, rest + digits, digits)
  into[to] = 32
  const end = putBytes(into, to + 1, key)
  into[end] = 61
  return end + 1
}

function putEnd(into: Buffer, at: number): number {
  into[at] = 10
  return at + 1
}

function putBytes(into: Buffer, at: number, text: BytePath): number {
  for (let i = 0; i < text.length; i += 1) into[at + i] = text.charCodeAt(i)
  return at + text.length
}

function putDigits(into: Buffer, at: number, value: number, digits: number): number {
  let rest = value
  for (let i = digits - 1; i >= 0; i -= 1) {
    const low = rest % 10
    into[at + i] = 48 + low
    rest = (rest - low) / 10
  }
  return at + digits
}

function decimalDigits(value: number): number {
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits += 1
  return digits
}

/** Keyword (its bytes) to value; values are views into the header they were read from. */
export type PaxRecords = Map<string, Buffer>

/** Adds the records of the extended header `body` to `records`; a later one replaces an earlier. @throws BastionError artifact_damaged */
export function readPaxRecords(body: Buffer, records: PaxRecords): void {
  for (let at = 0; at < body.length;) {
    let length = 0
    let i = at
    // Seven digits are more than any header that is read may have.
    for (; i < body.length && i < at + 7; i += 1) {
      const digit = (body[i] ?? 0) - 48
      if (digit < 0 || digit > 9) break
      length = length * 10 + digit
    }
    const end = at + length
    if (i === at || body[i] !== 32 || end <= i + 1 || end > body.length || body[end - 1] !== 10) throw tarDamaged('an extended header is malformed')
    const equals = body.indexOf(61, i + 1)
    if (equals <= i + 1 || equals >= end) throw tarDamaged('an extended header holds a record without a keyword')
    records.set(body.toString('latin1', i + 1, equals), body.subarray(equals + 1, end - 1))
    at = end
  }
}

/** @throws BastionError artifact_damaged when it is no number, or beyond 2^53 */
export function paxNumber(value: Buffer): number {
  const text = value.toString('latin1', 0, 17)
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number)) throw tarDamaged('an extended header holds a malformed number')
  return number
}

/** Seconds with decimals as nanoseconds; what is finer is cut off. @throws BastionError artifact_damaged when it is no time, or its seconds are beyond 64 bits */
export function paxTimeNs(value: Buffer): bigint {
  const match = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(value.toString('latin1', 0, 64))
  if (match === null) throw tarDamaged('an extended header holds a malformed time')
  const [, sign, seconds = '', decimals = ''] = match
  const ns = BigInt(`${seconds}${decimals.slice(0, 9).padEnd(9, '0')}`)
  return checkedTimeNs(sign === '-' ? -ns : ns)
}

/** @throws BastionError artifact_damaged for a time no file system keeps: its seconds have at most 64 bits, its nanoseconds more (2262 is not the end) */
export function checkedTimeNs(timeNs: bigint): bigint {
  const seconds = timeNs / 1_000_000_000n
  if (BigInt.asIntN(64, seconds) !== seconds) throw tarDamaged('a time is out of range')
  return timeNs
}

/** An attribute's name as {@link putXattrRecord} spelled it, bytes to text. */
export function xattrName(key: string): string {
  const bytes = key.slice(xattrPrefix.length).replaceAll('%3D', '=').replaceAll('%25', '%')
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

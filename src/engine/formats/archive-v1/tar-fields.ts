import { BastionError } from '../../../core/errors.ts'
import type { BytePath } from '../../../lib/byte-path.ts'

/** The ustar header block of POSIX.1-2017 (pax, "ustar Interchange Format") and what is written into its fields. */
export const blockBytes = 512
export const field = {
  name: { at: 0, bytes: 100 },
  mode: { at: 100, bytes: 8 },
  uid: { at: 108, bytes: 8 },
  gid: { at: 116, bytes: 8 },
  size: { at: 124, bytes: 12 },
  mtime: { at: 136, bytes: 12 },
  checksum: { at: 148, bytes: 8 },
  type: { at: 156, bytes: 1 },
  linkName: { at: 157, bytes: 100 },
  magic: { at: 257, bytes: 8 },
  user: { at: 265, bytes: 32 },
  group: { at: 297, bytes: 32 },
  devMajor: { at: 329, bytes: 8 },
  devMinor: { at: 337, bytes: 8 },
  prefix: { at: 345, bytes: 155 },
} as const
export type Field = (typeof field)[keyof typeof field]

/** Bounds on what a header may say; the writer keeps them so that the reader may insist. */
export const maxPaxBytes = 1_048_576
export const maxPathBytes = 65_536
/** A file with more data segments than this is stored with its smallest holes filled. */
export const maxSparseSegments = 262_144

/** The zeros that follow `sizeBytes` of data up to the next block of 512 bytes. */
export function tarPadding(sizeBytes: number): number {
  const over = sizeBytes % blockBytes
  return over === 0 ? 0 : blockBytes - over
}

/*
 * The put functions return the sum of the bytes they wrote, from which the header's checksum is made without a second pass. They may be asked to
 * write behind the end of `into`: a typed array ignores that, and writeTarHeader looks at the end once.
 */

export function putText(into: Buffer, at: number, text: BytePath, from = 0, to = text.length): number {
  let sum = 0
  let target = at
  for (let i = from; i < to; i += 1) {
    const byte = text.charCodeAt(i)
    into[target] = byte
    sum += byte
    target += 1
  }
  return sum
}

/** `value` in exactly `digits` octal digits. */
export function putOctal(into: Buffer, at: number, value: number, digits: number): number {
  let sum = 0
  let high = Math.floor(value / 0x4000_0000)
  let low = value - high * 0x4000_0000
  for (let i = digits - 1; i >= 0; i -= 1) {
    // 30 bits are ten digits; what is above them comes after.
    if (digits - 1 - i === 10) {
      low = high
      high = 0
    }
    const byte = 48 + (low & 7)
    low >>>= 3
    into[at + i] = byte
    sum += byte
  }
  return sum
}

/** GNU's base-256 for numbers the octal digits cannot hold: 0x80, then big-endian. */
export function putBase256(into: Buffer, at: number, value: number, bytes: number): number {
  let sum = 0
  let rest = value
  for (let i = bytes - 1; i >= 0; i -= 1) {
    const low = rest % 256
    rest = (rest - low) / 256
    const byte = i === 0 ? 0x80 : low
    into[at + i] = byte
    sum += byte
  }
  return sum
}

/** The sum of all bytes of the block at `at`, its checksum field taken as spaces. */
export function blockChecksum(bytes: Uint8Array, at: number): number {
  const { at: from, bytes: length } = field.checksum
  let sum = length * 32
  for (let i = 0; i < from; i += 1) sum += bytes[at + i] ?? 0
  for (let i = from + length; i < blockBytes; i += 1) sum += bytes[at + i] ?? 0
  return sum
}

export function isZeroBlock(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + blockBytes; i += 1) if (bytes[i] !== 0) return false
  return true
}

/** A text field: up to its first NUL, or all of it. */
export function readText(bytes: Buffer, block: number, { at, bytes: length }: Field): BytePath {
  const from = block + at
  let to = from
  while (to < from + length && bytes[to] !== 0) to += 1
  return bytes.toString('latin1', from, to)
}

/** A number field, octal or base-256; nothing counts as 0. @throws BastionError artifact_damaged when it is negative, beyond 2^53 or no number */
export function readNumber(bytes: Buffer, block: number, { at, bytes: length }: Field): number {
  const value = isBase256(bytes, block + at) ? readBase256(bytes, block + at, length) : readOctal(bytes, block + at, length)
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) throw tarDamaged(`a header holds the number ${value}`)
  return Number(value)
}

/** A number field that can be negative, as base-256 allows for times. */
export function readSignedNumber(bytes: Buffer, block: number, { at, bytes: length }: Field): bigint {
  return isBase256(bytes, block + at) ? readBase256(bytes, block + at, length) : BigInt(readOctal(bytes, block + at, length))
}

function isBase256(bytes: Buffer, at: number): boolean {
  return (bytes[at] ?? 0) >= 0x80
}

function readBase256(bytes: Buffer, at: number, length: number): bigint {
  const first = bytes[at]
  if (first !== 0x80 && first !== 0xff) throw tarDamaged('a header holds a number in an unknown notation')
  const digits = BigInt(`0x${bytes.toString('hex', at + 1, at + length)}`)
  return first === 0x80 ? digits : digits - (1n << BigInt(8 * (length - 1)))
}

/** At most twelve digits, 36 bits, so always exact. */
function readOctal(bytes: Buffer, at: number, length: number): number {
  const end = at + length
  let i = at
  let value = 0
  while (i < end && bytes[i] === 32) i += 1
  for (; i < end; i += 1) {
    const digit = (bytes[i] ?? 0) - 48
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  for (; i < end; i += 1) if (bytes[i] !== 0 && bytes[i] !== 32) throw tarDamaged('a header field holds no octal number')
  return value
}

export function tarDamaged(what: string): BastionError {
  return new BastionError('artifact_damaged', `The artifact is damaged: in the tar stream ${what}.`)
}

import type { Random } from './random.ts'

/** Numbers at which readers turn over. */
const borders = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

type Edit = (bytes: Buffer, random: Random, tokens: readonly string[]) => Buffer

/**
 * A copy of `bytes` with one to `most` changes of the kinds that harm formats: a bit, a byte, a number, a token of the format, bytes that are missing, doubled,
 * exchanged or taken from elsewhere.
 * @param options.tokens of the format, a character for each byte
 */
export function mutateBytes(bytes: Uint8Array, random: Random, options: { tokens?: readonly string[]; most?: number } = {}): Buffer {
  const { tokens = [], most = 4 } = options
  let mutated: Buffer = Buffer.from(bytes)
  for (let changes = 1 + random.below(most); changes > 0; changes -= 1) mutated = random.pick(edits)(mutated, random, tokens)
  return mutated
}

const edits: readonly Edit[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length)
    if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << random.below(8))
    return bytes
  },
  function setByte(bytes, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256)
    return bytes
  },
  function setNumber(bytes, random) {
    const size = random.pick([1, 2, 4, 8])
    if (bytes.length < size) return bytes
    const number = Buffer.alloc(8)
    number.writeBigUInt64LE(BigInt(random.pick(borders)) * (size === 8 && random.chance(0.5) ? 0x1_0000_0001n : 1n))
    const written = number.subarray(0, size)
    bytes.set(random.chance(0.5) ? written : written.reverse(), random.below(bytes.length - size + 1))
    return bytes
  },
  function putToken(bytes, random, tokens) {
    if (tokens.length > 0) bytes.write(random.pick(tokens), random.below(bytes.length), 'latin1')
    return bytes
  },
  function insertToken(bytes, random, tokens) {
    const token = tokens.length > 0 ? Buffer.from(random.pick(tokens), 'latin1') : random.bytes(1)
    const at = random.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)])
  },
  function remove(bytes, random) {
    const { from, to } = range(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  function double(bytes, random) {
    const { from, to } = range(bytes, random)
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
  function fill(bytes, random) {
    const { from, to } = range(bytes, random)
    return bytes.fill(random.pick([0, 0xff, 0x20, 0x30, 0x39]), from, to)
  },
  function copyWithin(bytes, random) {
    const { from, to } = range(bytes, random)
    bytes.copyWithin(random.below(bytes.length + 1), from, to)
    return bytes
  },
  function exchange(bytes, random) {
    const { from, to } = range(bytes, random)
    const middle = from + random.below(to - from + 1)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(middle, to), bytes.subarray(from, middle), bytes.subarray(to)])
  },
  function cut(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length + 1))
  },
]

/** Mostly short, sometimes whole blocks, sometimes anything. */
function range(bytes: Buffer, random: Random): { from: number; to: number } {
  const longest = random.pick([4, 16, 512, bytes.length])
  if (longest === 512 && bytes.length >= 1024) {
    const from = 512 * random.below(Math.floor(bytes.length / 512))
    return { from, to: Math.min(bytes.length, from + 512 * (1 + random.below(3))) }
  }
  const from = random.below(bytes.length + 1)
  return { from, to: Math.min(bytes.length, from + random.below(longest + 1)) }
}

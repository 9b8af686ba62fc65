/**
 * The payload of an age v1 file (https://c2sp.org/age): STREAM over chunks of 64 KiB, each sealed with ChaCha20-Poly1305 under a nonce of its
 * number and whether it is the last. Only the last may be shorter, and it is empty only when the whole payload is.
 */
import { BastionError } from '../../core/errors.ts'
import { chachaPoly, chachaPolyTagBytes } from '../../lib/chacha-poly.ts'
import { ageHeadSize, createAgeHeader, maxHeaderBytes, openAgeHeader, payloadNonceBytes } from './age-header.ts'
import type { AgePayloadKey } from './age-header.ts'

/** The plaintext bytes of every chunk but the last. */
export const ageChunkBytes = 64 * 1024
export const ageTagBytes = chachaPolyTagBytes
/** The bytes of every chunk but the last as they are stored. */
export const ageSealedChunkBytes = ageChunkBytes + ageTagBytes

/** The bytes that `plaintextBytes` take sealed, header and nonce not counted. */
export function ciphertextSize(plaintextBytes: number): number {
  return plaintextBytes + ageTagBytes * Math.max(1, Math.ceil(plaintextBytes / ageChunkBytes))
}

/** The plaintext bytes in `ciphertextBytes` of sealed chunks. @throws BastionError artifact_damaged for a size that no payload has */
export function plaintextSize(ciphertextBytes: number): number {
  const chunks = Math.ceil(ciphertextBytes / ageSealedChunkBytes)
  const plaintextBytes = ciphertextBytes - chunks * ageTagBytes
  if (plaintextBytes < 0 || ciphertextSize(plaintextBytes) !== ciphertextBytes) {
    throw new BastionError('artifact_damaged', `The encrypted data is damaged: no payload has a size of ${ciphertextBytes} bytes.`)
  }
  return plaintextBytes
}

/**
 * Seals one chunk into `into` at `intoOffset`, where `plaintext.length + ageTagBytes` bytes must be free; nothing of it may overlap `plaintext`.
 * A chunk number must not be used twice with one key.
 * @returns the bytes written
 */
export function sealChunk(
  payloadKey: AgePayloadKey,
  chunkNumber: number,
  isLast: boolean,
  plaintext: Uint8Array,
  into: Uint8Array,
  intoOffset: number,
): number {
  const fits = isLast ? plaintext.length <= ageChunkBytes : plaintext.length === ageChunkBytes
  if (!fits) throw new RangeError(`a chunk cannot be of ${plaintext.length} bytes`)
  if (plaintext.length === 0 && chunkNumber > 0) throw new RangeError('only the first chunk may be empty')
  const sealedBytes = plaintext.length + ageTagBytes
  chachaPoly().seal(payloadKey.export(), chunkNonce(chunkNumber, isLast), plaintext, into.subarray(intoOffset, intoOffset + sealedBytes))
  return sealedBytes
}

/**
 * The plaintext of one chunk.
 * @param into where it goes: what is returned is the beginning of it. Absent: memory of its own
 * @throws BastionError artifact_damaged unless it is chunk `chunkNumber` of this payload and `isLast` is true of it
 */
export function openChunk(payloadKey: AgePayloadKey, chunkNumber: number, isLast: boolean, sealed: Uint8Array, into?: Uint8Array): Uint8Array {
  const plaintext = openIfAuthentic(payloadKey, chunkNumber, isLast, sealed, into)
  if (plaintext === undefined) throw damaged(`chunk ${chunkNumber} is not authentic`)
  return plaintext
}

/**
 * Encrypts `source` to `recipients` (`age1…`): for objects small enough for one thread.
 * @throws BastionError invalid_spec for a recipient that cannot be used, before the first byte
 */
export async function* encryptAge(source: AsyncIterable<Uint8Array>, recipients: readonly string[]): AsyncGenerator<Uint8Array> {
  const { bytes, payloadKey } = createAgeHeader(recipients)
  yield bytes
  let chunkNumber = 0
  for await (const { bytes: plaintext, isLast } of slices(source, ageChunkBytes)) {
    const sealed = Buffer.allocUnsafe(plaintext.length + ageTagBytes)
    sealChunk(payloadKey, chunkNumber++, isLast, plaintext, sealed, 0)
    yield sealed
  }
}

/**
 * Decrypts a whole age file that arrives in pieces of any size. Every byte it gives is authentic and in its place; that nothing is missing at the
 * end is known only when it ends without an error.
 * @throws BastionError artifact_damaged (malformed, changed, cut short, or followed by more), and what {@link openAgeHeader} throws
 */
export async function* decryptAge(source: AsyncIterable<Uint8Array>, identities: readonly string[]): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]()
  try {
    const head = await readHead(pieces)
    const { payloadKey, payloadOffset } = openAgeHeader(head, identities)
    let chunkNumber = 0
    for await (const { bytes: sealed, isLast } of slices(resumed(head.subarray(payloadOffset), pieces), ageSealedChunkBytes)) {
      const plaintext = openIfAuthentic(payloadKey, chunkNumber, isLast, sealed)
      if (plaintext !== undefined) {
        yield plaintext
        chunkNumber++
        continue
      }
      // A whole chunk that is authentic but stands at the wrong end still holds true bytes: they are given, then what is wrong is said.
      const misplaced = sealed.length === ageSealedChunkBytes ? openIfAuthentic(payloadKey, chunkNumber, !isLast, sealed) : undefined
      if (misplaced === undefined) throw damaged(`chunk ${chunkNumber} is not authentic`)
      yield misplaced
      throw damaged(isLast ? `it is cut short after chunk ${chunkNumber}` : `more follows its last chunk, ${chunkNumber}`)
    }
  } finally {
    await pieces.return?.()
  }
}

/**
 * Cuts a stream into slices of exactly `sliceBytes` and a last one, which is shorter unless the stream's size is a multiple, and empty only when the
 * stream is. A slice is valid until the next is asked for.
 */
export async function* slices(source: AsyncIterable<Uint8Array>, sliceBytes: number): AsyncGenerator<{ bytes: Uint8Array; isLast: boolean }> {
  const held = Buffer.allocUnsafe(sliceBytes)
  let heldBytes = 0
  for await (const piece of source) {
    let at = 0
    while (at < piece.length) {
      if (heldBytes === sliceBytes) {
        yield { bytes: held, isLast: false }
        heldBytes = 0
      }
      if (heldBytes === 0) {
        for (; piece.length - at > sliceBytes; at += sliceBytes) yield { bytes: piece.subarray(at, at + sliceBytes), isLast: false }
      }
      const taken = Math.min(sliceBytes - heldBytes, piece.length - at)
      held.set(piece.subarray(at, at + taken), heldBytes)
      heldBytes += taken
      at += taken
    }
  }
  yield { bytes: held.subarray(0, heldBytes), isLast: true }
}

function damaged(reason: string): BastionError {
  return new BastionError('artifact_damaged', `The encrypted data is damaged: ${reason}.`)
}

/** 11 bytes of the chunk's number, big endian, and one that says whether it is the last. */
function chunkNonce(chunkNumber: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(Math.floor(chunkNumber / 2 ** 32), 3)
  nonce.writeUInt32BE(chunkNumber % 2 ** 32, 7)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

function openIfAuthentic(
  payloadKey: AgePayloadKey,
  chunkNumber: number,
  isLast: boolean,
  sealed: Uint8Array,
  into?: Uint8Array,
): Uint8Array | undefined {
  const length = sealed.length - ageTagBytes
  if (isLast ? length < 0 || length > ageChunkBytes : length !== ageChunkBytes) return undefined
  if (length === 0 && chunkNumber > 0) return undefined
  const plaintext = into?.subarray(0, length) ?? Buffer.allocUnsafeSlow(length)
  return chachaPoly().open(payloadKey.export(), chunkNonce(chunkNumber, isLast), sealed, plaintext) ? plaintext : undefined
}

/** The beginning of an age file, at least until its payload nonce ends: less when the stream ends or its header is longer than any may be. */
async function readHead(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head = Buffer.allocUnsafe(4096)
  let headBytes = 0
  for (;;) {
    const next = await pieces.next()
    if (next.done === true) break
    const piece = next.value
    if (headBytes + piece.length > head.length) head = Buffer.concat([head.subarray(0, headBytes)], 2 * (headBytes + piece.length))
    head.set(piece, headBytes)
    headBytes += piece.length
    const needed = ageHeadSize(head.subarray(0, headBytes))
    if (headBytes >= (needed ?? maxHeaderBytes + payloadNonceBytes)) break
  }
  return head.subarray(0, headBytes)
}

async function* resumed(first: Uint8Array, pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value
}

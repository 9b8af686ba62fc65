import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../core/errors.ts'
import type { PutResult, Replayable, Target } from './targets/target.ts'

export interface StoredObject {
  size: number
  /** BLAKE3 of the bytes as stored */
  hash: string
}

/** Puts an object and hashes the very bytes that are sent. @param bytes begins the body; it is asked again when a put has to be tried again, and may then give others */
export async function storeObject(target: Target, key: string, bytes: () => AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredObject> {
  const hasher = new Blake3Hasher()
  let size = 0
  async function* hashed(): AsyncGenerator<Uint8Array> {
    hasher.reset()
    size = 0
    for await (const chunk of bytes()) {
      hasher.update(chunk)
      size += chunk.byteLength
      yield chunk
    }
  }
  const body: Replayable = { replayable: true, [Symbol.asyncIterator]: hashed }
  requireStored(target, key, await target.put(key, body, { signal }), size)
  return { size, hash: hasher.digest('hex') }
}

/** Puts a value as JSON, readable by people. */
export async function storeJson(target: Target, key: string, value: unknown, signal: AbortSignal): Promise<StoredObject> {
  return storeText(target, key, `${JSON.stringify(value, null, 2)}\n`, signal)
}

export async function storeText(target: Target, key: string, text: string, signal: AbortSignal): Promise<StoredObject> {
  const bytes = Buffer.from(text)
  requireStored(target, key, await target.put(key, bytes, { sizeBytes: bytes.byteLength, signal }), bytes.byteLength)
  return { size: bytes.byteLength, hash: new Blake3Hasher().update(bytes).digest('hex') }
}

/**
 * Holds a target to its word: what it says it stored is what it was given.
 * @throws target_rejected
 */
export function requireStored(target: Target, key: string, result: PutResult, sizeBytes: number): void {
  if (result.sizeBytes === sizeBytes) return
  throw new BastionError('target_rejected', `${target.label} says that it stored ${result.sizeBytes} bytes of ${key}, which is not what it was given`)
}

import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { Target } from './targets/target.ts'

export interface StoredObject {
  size: number
  /** BLAKE3 of the bytes as stored */
  hash: string
}

/** Puts an object and hashes the very bytes that are sent. */
export async function storeObject(target: Target, key: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredObject> {
  const hasher = new Blake3Hasher()
  let size = 0
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      hasher.update(chunk)
      size += chunk.byteLength
      yield chunk
    }
  }
  await target.put(key, hashed(), { signal })
  return { size, hash: hasher.digest('hex') }
}

/** Puts a value as JSON, readable by people. */
export async function storeJson(target: Target, key: string, value: unknown, signal: AbortSignal): Promise<StoredObject> {
  const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
  await target.put(key, bytes, { sizeBytes: bytes.byteLength, signal })
  return { size: bytes.byteLength, hash: new Blake3Hasher().update(bytes).digest('hex') }
}

import { BastionError } from '../../core/errors.ts'
import type { Target } from './target.ts'

/**
 * The bytes of a small object, such as a marker.
 * @throws target_not_found when absent, target_rejected when it has more than `maxBytes`
 */
export async function readObject(target: Target, key: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<Uint8Array> {
  const { maxBytes, signal } = options
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  const range = target.features.rangeReads ? { range: { offset: 0, length: maxBytes + 1 } } : {}
  for await (const chunk of await target.get(key, { ...range, ...(signal && { signal }) })) {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes)
      throw new BastionError('target_rejected', `"${key}" on ${target.label} has more than the ${maxBytes} bytes it may have.`)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : new Uint8Array(Buffer.concat(chunks))
}

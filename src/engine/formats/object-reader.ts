import { BastionError } from '../../core/errors.ts'
import type { Target } from '../targets/target.ts'
import { askObject } from './ask-object.ts'
import type { RangeReader } from './range-reader.ts'

/** A frame of a payload is never larger. */
const maxTrustedBytes = 72 * 1024 * 1024

/** An object of a target, or several one after the other as one stream (the parts of a payload). Sizes are what the manifest promises. */
export function createObjectReader(target: Target, objects: readonly { key: string; size: number }[]): RangeReader {
  const ends: number[] = []
  let sizeBytes = 0
  for (const object of objects) ends.push((sizeBytes += object.size))

  async function* stream(offset: number, end = sizeBytes, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < objects.length && offset < end; i++) {
      const { key, size } = objects[i]!
      const start = ends[i]! - size
      if (offset >= start + size) continue
      const wanted = Math.min(end, start + size) - offset
      const range = wanted === size ? {} : { range: { offset: offset - start, length: wanted } }
      let got = 0
      for await (const chunk of await open(key, range, signal)) {
        got += chunk.byteLength
        if (got > wanted) throw damaged(key, 'is longer than the manifest says')
        yield chunk
      }
      if (got < wanted) throw damaged(key, 'is shorter than the manifest says')
      offset += got
    }
  }

  async function open(key: string, range: { range?: { offset: number; length: number } }, signal: AbortSignal | undefined) {
    return askObject(key, () => target.get(key, { ...range, ...(signal === undefined ? {} : { signal }) }))
  }

  return {
    sizeBytes,
    stream,
    async read(offset, length, signal) {
      if (offset < 0 || length < 0 || offset + length > sizeBytes) {
        throw new BastionError('artifact_damaged', `bytes ${offset} to ${offset + length} are asked for, but there are only ${sizeBytes}`)
      }
      // Sizes of this order are a table's word for it: room is made for what comes, not for what is promised.
      if (length > maxTrustedBytes) return gather(stream(offset, offset + length, signal))
      let bytes: Uint8Array | null = null
      let filled = 0
      for await (const chunk of stream(offset, offset + length, signal)) {
        if (chunk.byteLength === 0) continue
        // Often it is all there is, in memory that nobody else has.
        if (chunk.byteLength === length && chunk.buffer.byteLength === length) bytes = chunk
        else (bytes ??= new Uint8Array(length)).set(chunk, filled)
        filled += chunk.byteLength
      }
      return bytes ?? new Uint8Array(length)
    },
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const list: Uint8Array[] = []
  for await (const chunk of chunks) list.push(chunk)
  return new Uint8Array(Buffer.concat(list))
}

function damaged(key: string, what: string): BastionError {
  return new BastionError('artifact_damaged', `${key} ${what}`, { details: { object: key } })
}

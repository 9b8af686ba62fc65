import { describe, expect, test } from 'vitest'
import { createGivenMemory, freeChunk } from '../../src/engine/pipeline/given-memory.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const mebibyte = 2 ** 20

describe('memory that was given away', () => {
  test('is freed when the last of its bytes is done with, in whatever order', () => {
    const memory = createGivenMemory()
    const chunk = Buffer.alloc(mebibyte)
    const [first, second] = [chunk.subarray(0, 1000), chunk.subarray(1000)]
    memory.given(chunk)
    memory.done(second)
    expect(chunk.byteLength).toBe(mebibyte)
    memory.done(first)
    expect(chunk.byteLength).toBe(0)
  })

  test('is freed with the whole buffer it lies in', () => {
    const memory = createGivenMemory()
    const buffer = new ArrayBuffer(mebibyte)
    const frame = new Uint8Array(buffer, 0, 1000)
    memory.given(frame)
    memory.done(frame)
    expect(buffer.detached).toBe(true)
  })

  test('stays when it was never given, as with a copy that a wrapper made', () => {
    const copy = Buffer.alloc(mebibyte)
    createGivenMemory().done(copy)
    expect(copy.byteLength).toBe(mebibyte)
  })

  test("stays when it is a piece of Node's pool, where others have theirs", () => {
    const pooled = Buffer.from('a small one')
    freeChunk(pooled)
    expect(pooled.toString()).toBe('a small one')
  })

  test('can go while a local folder still writes the object, which has every byte', async () => {
    await using folder = await temporaryFolder()
    const target = createLocalDirTarget({ path: folder.path })
    const sizes = [3 * mebibyte, 10, 0, 700_000, 700_000, 5 * mebibyte, 1]
    const chunks = sizes.map((size, i) => Buffer.alloc(size, 65 + i))
    const expected = Buffer.concat(chunks)
    const memory = createGivenMemory()
    let doneBytes = 0
    async function* body(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) {
        memory.given(chunk)
        yield chunk
      }
    }
    await target.put('object', body(), {
      onChunkDone(chunk) {
        doneBytes += chunk.byteLength
        memory.done(chunk)
      },
    })
    expect(doneBytes).toBe(expected.length)
    expect(chunks.filter((chunk) => chunk.byteLength > 100)).toEqual([])
    const read: Uint8Array[] = []
    for await (const chunk of await target.get('object')) read.push(chunk)
    expect(Buffer.concat(read).equals(expected)).toBe(true)
    await target.close()
  })
})

import { describe, expect, test } from 'vitest'
import { mebibyte } from '../../../src/core/pipeline-spec.ts'
import { gatherPieces } from '../../../src/engine/targets/s3/gather-pieces.ts'
import { createPieceMemory, type PieceMemory } from '../../../src/engine/targets/s3/piece-memory.ts'
import { pieceSizes } from '../../../src/engine/targets/s3/piece-size.ts'

const budgetBytes = 128 * mebibyte
const gibibyte = 1024 * mebibyte

describe('the pieces of a body', () => {
  test('are of 8 MiB, or larger by as much as keeps their number below the limit', () => {
    expect(pieceSizes(1, budgetBytes, 'x')(1)).toBe(8 * mebibyte)
    expect(pieceSizes(70 * gibibyte, budgetBytes, 'x')(9000)).toBe(8 * mebibyte)
    const tebibyte = 1024 * gibibyte
    const pieceBytes = pieceSizes(tebibyte, budgetBytes, 'x')(1)
    expect(Math.ceil(tebibyte / pieceBytes)).toBeLessThanOrEqual(9000)
    expect(pieceBytes).toBeLessThanOrEqual(budgetBytes)
  })

  test('of one too long for them are refused before anything is sent', () => {
    expect(() => pieceSizes(2048 * gibibyte, budgetBytes, '"x" in y')).toThrow(expect.objectContaining({ code: 'target_rejected' }))
  })

  test('of unknown length grow late, and end at the limit of S3', () => {
    const sizes = pieceSizes(undefined, budgetBytes, 'x')
    expect([sizes(1), sizes(8000), sizes(8001), sizes(10_000)]).toEqual([8, 8, 64, 64].map((each) => each * mebibyte))
    expect(() => sizes(10_001)).toThrow(expect.objectContaining({ code: 'target_rejected' }))
  })

  test.each([
    [0, 1],
    [1, 1],
    [16, 16],
    [16, 5],
    [17, 16],
    [32, 16],
    [40, 100],
  ])('of a body of %i bytes that comes in chunks of %i: the last one is known as such', async (length, chunkBytes) => {
    const body = Buffer.from(Array.from({ length }, (_, i) => i))
    const { memory, heldBytes } = counted(createPieceMemory(64))
    const done: number[] = []
    const last: boolean[] = []
    const got: Buffer[] = []
    const signal = new AbortController().signal
    const onChunkDone = (chunk: Uint8Array): void => void done.push(chunk.length)
    for await (const piece of gatherPieces(chunksOf(body, chunkBytes), { object: 'x', memory, pieceBytes: () => 16, onChunkDone, signal })) {
      last.push(piece.last)
      got.push(Buffer.from(piece.bytes))
      piece.release(true)
    }
    expect(Buffer.concat(got).equals(body)).toBe(true)
    expect(last).toEqual([...Array<boolean>(Math.max(0, Math.ceil(length / 16) - 1)).fill(false), true])
    expect(done.reduce((sum, bytes) => sum + bytes, 0)).toBe(length)
    expect(heldBytes()).toBe(0)
  })

  test('of a body of known length take no more memory than it', async () => {
    const { memory, heldBytes } = counted(createPieceMemory(64))
    const options = { object: 'x', memory, pieceBytes: () => 16, sizeBytes: 20, signal: new AbortController().signal }
    const pieces = gatherPieces(chunksOf(Buffer.alloc(20), 20), options)
    const first = await pieces.next()
    const second = await pieces.next()
    expect(heldBytes()).toBe(20)
    for (const { value } of [first, second]) value?.release(true)
  })

  test('give their memory back when the body fails or the reader goes', async () => {
    const { memory, heldBytes } = counted(createPieceMemory(64))
    const options = { object: 'x', memory, pieceBytes: () => 16, signal: new AbortController().signal }
    const longer = gatherPieces(chunksOf(Buffer.alloc(20), 5), { ...options, sizeBytes: 19 })
    await expect(longer.next()).rejects.toMatchObject({ code: 'target_rejected' })
    const left = gatherPieces(chunksOf(Buffer.alloc(40), 5), options)
    await left.next().then(({ value }) => value?.release(true))
    await left.return()
    expect(heldBytes()).toBe(0)
  })
})

describe('the memory of uploads', () => {
  test('is given in the order asked, and never more than there is', async () => {
    const memory = createPieceMemory(10)
    const first = await memory.take(6, undefined)
    const order: string[] = []
    const large = memory.take(8, undefined).then((piece) => (order.push('large'), piece))
    const small = memory.take(1, undefined).then((piece) => (order.push('small'), piece))
    await Promise.resolve()
    expect(order).toEqual([])
    memory.give(first, true)
    await Promise.all([large, small])
    expect(order).toEqual(['large', 'small'])
  })

  test('is not lost with one who waited for it and went', async () => {
    const memory = createPieceMemory(10)
    const first = await memory.take(10, undefined)
    const aborting = new AbortController()
    const gone = memory.take(5, aborting.signal)
    const next = memory.take(10, undefined)
    aborting.abort()
    await expect(gone).rejects.toMatchObject({ code: 'canceled' })
    memory.give(first, true)
    expect((await next).length).toBe(10)
  })

  test('is used again after a piece was sent, and not after a request was broken off', async () => {
    const memory = createPieceMemory(64 * mebibyte)
    const first = await memory.take(8 * mebibyte, undefined)
    memory.give(first, true)
    const second = await memory.take(8 * mebibyte, undefined)
    expect(second).toBe(first)
    memory.give(second, false)
    expect(await memory.take(8 * mebibyte, undefined)).not.toBe(first)
  })
})

async function* chunksOf(body: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += chunkBytes) yield body.subarray(at, at + chunkBytes)
}

function counted(memory: PieceMemory): { memory: PieceMemory; heldBytes: () => number } {
  let held = 0
  return {
    heldBytes: () => held,
    memory: {
      budgetBytes: memory.budgetBytes,
      async take(bytes, signal) {
        const piece = await memory.take(bytes, signal)
        held += piece.length
        return piece
      },
      give(piece, reusable) {
        held -= piece.length
        memory.give(piece, reusable)
      },
    },
  }
}

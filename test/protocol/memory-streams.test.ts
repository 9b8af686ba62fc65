import { expect, test } from 'vitest'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'

const chunks = [1, 2, 3].map((byte) => Uint8Array.of(byte))

test.for(['reader', 'writer'])('all of it arrives, whoever comes first: the %s', async (first) => {
  const streams = createMemoryStreams()
  const write = () => streams.write('s', from(chunks))
  const read = () => allOf(streams.read('s'))
  const [a, b] = first === 'reader' ? [read(), write()] : [write(), read()]
  expect(await Promise.all([a, b])).toContainEqual(chunks)
})

test('the body is asked for no more than is read', async () => {
  const streams = createMemoryStreams()
  let asked = 0
  async function* body() {
    for (;;) {
      asked += 1
      yield Uint8Array.of(asked)
    }
  }
  const written = streams.write('s', body())
  const reader = streams.read('s')[Symbol.asyncIterator]()
  await turn()
  expect(asked).toBe(0)
  await reader.next()
  await turn()
  expect(asked).toBe(1)
  await reader.return?.()
  await expect(written).rejects.toMatchObject({ code: 'canceled' })
})

test('what the body throws reaches both sides', async () => {
  const streams = createMemoryStreams()
  async function* body() {
    yield chunks[0]!
    throw new Error('the disk is gone')
  }
  const written = streams.write('s', body())
  const read: Uint8Array[] = []
  await expect(
    (async () => {
      for await (const chunk of streams.read('s')) read.push(chunk)
    })(),
  ).rejects.toThrow('the disk is gone')
  await expect(written).rejects.toThrow('the disk is gone')
  expect(read).toEqual([chunks[0]])
})

test('an abort ends both sides, also while the body stalls', async () => {
  const streams = createMemoryStreams()
  const stalled: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
  const written = streams.write('s', stalled)
  const read = allOf(streams.read('s'))
  await turn()
  streams.abort('s', new Error('enough'))
  await expect(written).rejects.toThrow('enough')
  await expect(read).rejects.toThrow('enough')
})

test('an abort ends a side that waits for the other, and closes what it had to give', async () => {
  const streams = createMemoryStreams()
  const read = allOf(streams.read('a'))
  await turn()
  streams.abort('a', new Error('nobody comes'))
  await expect(read).rejects.toThrow('nobody comes')

  let isOpen = true
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: true, value: undefined }),
      return: () => {
        isOpen = false
        return Promise.resolve({ done: true, value: undefined })
      },
    }),
  }
  const written = streams.write('b', body)
  streams.abort('b', new Error('nobody reads'))
  await expect(written).rejects.toThrow('nobody reads')
  expect(isOpen).toBe(false)
})

test('an abort after the end changes nothing', async () => {
  const streams = createMemoryStreams()
  const written = streams.write('s', from(chunks))
  await allOf(streams.read('s'))
  streams.abort('s', new Error('late'))
  await expect(written).resolves.toBeUndefined()
})

async function allOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const chunk of body) all.push(chunk)
  return all
}

async function* from(list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* list
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

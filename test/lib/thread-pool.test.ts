import { expect, test } from 'vitest'
import { createThreadPool, type ThreadPool } from '../../src/lib/thread-pool.ts'

const forever = 1_000_000

/** A pool of threads that take `loadingMs` to load and as many milliseconds as they are told for a task, and how far they are. */
function slowPool(size: number, loadingMs = 0): { pool: ThreadPool<number, number>; counts: Int32Array } {
  const counts = new Int32Array(new SharedArrayBuffer(12))
  const pool = createThreadPool<number, number>({
    module: new URL('../support/slow-thread.ts', import.meta.url),
    size,
    workerData: { counts, loadingMs },
    revive: (thrown) => new Error((thrown as { message: string }).message),
  })
  return { pool, counts }
}

test('answers come to who asked, in whatever order they are ready', async () => {
  const { pool } = slowPool(2)
  await using _closed = pool
  const tasks = [100, 1, 2, 3, 50, 4]
  expect(await Promise.all(tasks.map((ms) => pool.run(ms)))).toEqual(tasks)
})

test('what a thread throws is thrown to who asked, and the thread goes on', async () => {
  const { pool } = slowPool(1)
  await using _closed = pool
  await expect(pool.run(-1)).rejects.toThrow('a task of -1 ms')
  expect(await pool.run(1)).toBe(1)
})

test('closing waits for threads that are still loading: cut off in a native module, they would end the process', async () => {
  const { pool, counts } = slowPool(2, 300)
  await pool[Symbol.asyncDispose]()
  expect(counts[0]).toBe(2)
})

test('closing rejects what is waiting and lets the task under way come to its end', async () => {
  const { pool, counts } = slowPool(1)
  const running = [pool.run(200), pool.run(1)].map((one) => one.catch((error: unknown) => String(error)))
  await Atomics.waitAsync(counts, 1, 0).value
  await pool[Symbol.asyncDispose]()
  expect(await Promise.all(running)).toEqual(['Error: the thread pool was closed', 'Error: the thread pool was closed'])
  expect(counts[2]).toBeGreaterThan(0)
})

test('closing cuts off a task that does not come to its end', async () => {
  const { pool, counts } = slowPool(1)
  const running = pool.run(forever).catch((error: unknown) => String(error))
  await Atomics.waitAsync(counts, 1, 0).value
  await pool[Symbol.asyncDispose]()
  expect(await running).toBe('Error: the thread pool was closed')
  expect(counts[2]).toBe(0)
})

test.for([true, false])('closing leaves a thread to its native code only where that is allowed: %s', async (abandons) => {
  const counts = new Int32Array(new SharedArrayBuffer(8))
  const module = new URL('../support/native-thread.ts', import.meta.url)
  const pool = createThreadPool<number, number>({ module, size: 1, workerData: { counts }, abandons })
  // Some seconds in one call.
  const running = pool.run(4_000_000).catch((error: unknown) => String(error))
  await Atomics.waitAsync(counts, 0, 0).value
  await pool[Symbol.asyncDispose]()
  expect(await running).toBe('Error: the thread pool was closed')
  // It cannot count its end: the call was the last thing it did.
  expect(counts[1]).toBe(0)
})

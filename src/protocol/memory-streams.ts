import { BastionError } from '../core/errors.ts'
import type { ByteStreams } from './byte-streams.ts'

/** The streams of a Hub and a node in one process: the reader takes each chunk from the writer's own body, and nothing is kept between them. */
export function createMemoryStreams(): ByteStreams {
  const streams = new Map<string, MemoryStream>()

  function streamOf(streamId: string): MemoryStream {
    const found = streams.get(streamId)
    if (found !== undefined) return found
    const stream = createStream(() => streams.delete(streamId))
    streams.set(streamId, stream)
    return stream
  }

  return {
    write: (streamId, body) => streamOf(streamId).write(body),
    read: (streamId) => ({ [Symbol.asyncIterator]: () => streamOf(streamId).reader }),
    abort: (streamId, error) => streams.get(streamId)?.end(error),
  }
}

interface MemoryStream {
  write(body: AsyncIterable<Uint8Array>): Promise<void>
  readonly reader: AsyncIterator<Uint8Array>
  /** @param error absent: it was read to its end */
  end(error?: unknown): void
}

function createStream(forget: () => void): MemoryStream {
  const body = Promise.withResolvers<AsyncIterator<Uint8Array>>()
  const written = Promise.withResolvers<void>()
  // Each side hears of the end where it waits; one that never comes hears of nothing.
  body.promise.catch(() => {})
  written.promise.catch(() => {})
  let asked: PromiseWithResolvers<IteratorResult<Uint8Array>> | null = null
  let ended: { error?: unknown } | null = null

  function end(error?: unknown): void {
    if (ended !== null) return
    forget()
    if (error === undefined) {
      ended = {}
      asked?.resolve({ done: true, value: undefined })
      written.resolve()
      return
    }
    ended = { error }
    asked?.reject(error)
    written.reject(error)
    // The body may stall in next(), perhaps for ever: it is told, not waited for.
    body.promise.then((iterator) => iterator.return?.()).catch(() => {})
    body.reject(error)
  }

  return {
    write(from) {
      body.resolve(from[Symbol.asyncIterator]())
      return written.promise
    },
    reader: {
      async next() {
        if (ended !== null) {
          if ('error' in ended) throw ended.error
          return { done: true, value: undefined }
        }
        asked = Promise.withResolvers()
        body.promise.then((iterator) => iterator.next()).then(asked.resolve, asked.reject)
        try {
          const step = await asked.promise
          if (step.done === true) end()
          return step
        } catch (error) {
          end(error)
          throw error
        }
      },
      return() {
        end(new BastionError('canceled', 'the reader wants no more'))
        return Promise.resolve({ done: true, value: undefined })
      },
    },
    end,
  }
}

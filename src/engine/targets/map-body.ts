import { isReplayable, type Body } from './target.ts'

/** A body whose bytes go through `map` on their way: for wrappers. What can be sent again stays so; `map` is then called for each time. */
export function mapBody(body: Body, map: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>): Body {
  if (body instanceof Uint8Array) return { replayable: true, [Symbol.asyncIterator]: () => map(oneChunk(body))[Symbol.asyncIterator]() }
  const mapped = { [Symbol.asyncIterator]: () => map(body)[Symbol.asyncIterator]() }
  return isReplayable(body) ? { replayable: true, ...mapped } : mapped
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

import { BastionError, hasCode } from '../../core/errors.ts'
import { passOn } from './pass-on.ts'
import { createRetries, type RetryingOptions } from './retries.ts'
import {
  type Body,
  type GetOptions,
  isReplayable,
  type ListOptions,
  type ObjectEntry,
  type PutOptions,
  type PutResult,
  type Replayable,
  type Target,
  type TargetTree,
} from './target.ts'

/**
 * The same target, which tries again what failed, as {@link createRetries} says.
 *
 * - Bytes and what is replayable are sent again; a body that can be read once only is sent once only. Where a driver holds
 *   pieces of a stream, it sends those again by itself.
 * - A get goes on from the byte reached where the target reads ranges; every byte that came begins the count of tries anew.
 * - A listing begins again until its first entry is out.
 * - `removeTree` counts what its last try removed.
 */
export function createRetryingTarget(inner: Target, options: RetryingOptions): Target {
  const retries = createRetries(options)

  async function put(key: string, body: Body, putOptions: PutOptions = {}): Promise<PutResult> {
    if (!(body instanceof Uint8Array || isReplayable(body))) return await inner.put(key, body, putOptions)
    return await retries.run(`put ${key}`, putOptions.signal, async (isRetry) => {
      try {
        return await inner.put(key, body, putOptions)
      } catch (error) {
        // The try before may have stored it and only its answer was lost: then what "exists" is our own.
        const exists = isRetry && hasCode(error, 'target_rejected') && error.details['exists'] === true
        const bytes = exists ? await sameBytes(key, body, putOptions.signal) : null
        if (bytes === null) throw error
        return { sizeBytes: bytes }
      }
    })
  }

  /** How many bytes the object has when they are those of `body`, else `null`. */
  async function sameBytes(key: string, body: Uint8Array | Replayable, signal: AbortSignal | undefined): Promise<number | null> {
    const stored = (await inner.get(key, signal && { signal }))[Symbol.asyncIterator]()
    let bytes = 0
    let left: Uint8Array = new Uint8Array()
    for await (const chunk of body instanceof Uint8Array ? [body] : body) {
      for (let at = 0; at < chunk.length;) {
        if (left.length === 0) {
          const next = await stored.next()
          if (next.done === true) return null
          left = next.value
        }
        const piece = left.subarray(0, chunk.length - at)
        if (Buffer.compare(piece, chunk.subarray(at, at + piece.length)) !== 0) return null
        at += piece.length
        bytes += piece.length
        left = left.subarray(piece.length)
      }
    }
    while (left.length === 0) {
      const next = await stored.next()
      if (next.done === true) return bytes
      left = next.value
    }
    return null
  }

  async function get(key: string, getOptions: GetOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const first = await retries.run(`get ${key}`, getOptions.signal, async () => await inner.get(key, getOptions))
    return { [Symbol.asyncIterator]: () => resumed(key, getOptions, first) }
  }

  async function* resumed(key: string, getOptions: GetOptions, first: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const tries = retries.start(`get ${key}`, getOptions.signal)
    let reached = 0
    let source: AsyncIterable<Uint8Array> | undefined = first
    for (;;) {
      try {
        source ??= await rest(key, getOptions, reached)
        for await (const chunk of source) {
          if (chunk.length === 0) continue
          reached += chunk.length
          tries.progressed()
          yield chunk
        }
        return
      } catch (error) {
        if (reached > 0 && !inner.features.rangeReads) throw error
        await tries.failed(error)
        source = undefined
      }
    }
  }

  async function rest(key: string, getOptions: GetOptions, reached: number): Promise<AsyncIterable<Uint8Array>> {
    if (reached === 0) return await inner.get(key, getOptions)
    const offset = (getOptions.range?.offset ?? 0) + reached
    const length = getOptions.range === undefined ? (await sizeOf(key)) - offset : getOptions.range.length - reached
    // A shorter object than what was read of it is another one.
    if (length < 0) throw new BastionError('target_rejected', `"${key}" on ${inner.label} changed while it was read.`)
    return length === 0 ? nothing() : await inner.get(key, { ...getOptions, range: { offset, length } })
  }

  async function sizeOf(key: string): Promise<number> {
    const stat = await inner.stat(key)
    if (stat === null) throw new BastionError('target_not_found', `"${key}" on ${inner.label} was removed while it was read.`)
    return stat.sizeBytes
  }

  async function* list(prefix: string, listOptions: ListOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
    const tries = retries.start(`list ${prefix}`, listOptions.signal)
    let listed = false
    for (;;) {
      try {
        for await (const entry of inner.list(prefix, listOptions)) {
          listed = true
          yield entry
        }
        return
      } catch (error) {
        if (listed) throw error
        await tries.failed(error)
      }
    }
  }

  function retriedTree(tree: TargetTree): TargetTree {
    const { openDirectory } = tree
    return {
      makeDirectory: (key) => retries.run(`make ${key}`, undefined, () => tree.makeDirectory(key)),
      symlink: (key, to) => retries.run(`make ${key}`, undefined, () => tree.symlink(key, to)),
      link: (key, existing) => retries.run(`make ${key}`, undefined, () => tree.link(key, existing)),
      setMetadata: (key, metadata) => retries.run(`describe ${key}`, undefined, () => tree.setMetadata(key, metadata)),
      ...(openDirectory && { openDirectory: (prefix: string) => retries.run(`open ${prefix}`, undefined, () => openDirectory(prefix)) }),
    }
  }

  return {
    ...passOn(inner),
    put,
    get,
    list,
    stat: (key) => retries.run(`stat ${key}`, undefined, () => inner.stat(key)),
    remove: (key) => retries.run(`remove ${key}`, undefined, () => inner.remove(key)),
    removeTree: (prefix, treeOptions) => retries.run(`remove ${prefix}`, undefined, () => inner.removeTree(prefix, treeOptions)),
    removeDirectory: (prefix) => retries.run(`remove ${prefix}`, undefined, () => inner.removeDirectory(prefix)),
    ...(inner.tree && { tree: retriedTree(inner.tree) }),
    ...(inner.flush && { flush: (prefix: string) => retries.run(`flush ${prefix}`, undefined, () => inner.flush!(prefix)) }),
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

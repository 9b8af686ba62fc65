import type { Clock } from '../../../core/clock.ts'
import { BastionError } from '../../../core/errors.ts'
import { throwIfCanceled, untilCanceled } from '../cancellation.ts'
import type { NameRules } from '../name-rules.ts'
import type { ObjectEntry, Target } from '../target.ts'
import { keySegments, prefixSegments, rangeBounds, removablePrefixSegments } from '../target-key.ts'

const anyName: NameRules = { maxSegmentBytes: Infinity, maxKeyBytes: Infinity, caseSensitive: true, exactUnicode: true, controlCharacters: true }

/** What a reader gets at a time. */
const pieceBytes = 1024 * 1024

interface StoredObject {
  bytes: Uint8Array
  modifiedMs?: number
}

/**
 * Keeps everything in memory until it is closed: the smallest complete target.
 * @param options.clock without one nothing knows when it was stored
 */
export function createMemoryTarget(options: { label?: string; clock?: Clock } = {}): Target {
  const label = options.label ?? 'memory:'
  const objects = new Map<string, StoredObject>()

  function below(segments: readonly string[]): string {
    return segments.length === 0 ? '' : `${segments.join('/')}/`
  }

  return {
    label,
    features: { atomicPut: true, rangeReads: true, holdsPieces: true, conditionalPut: true, names: anyName },

    async put(key, body, { sizeBytes, ifAbsent = false, signal } = {}) {
      keySegments(key)
      throwIfCanceled(signal)
      const bytes = body instanceof Uint8Array ? new Uint8Array(body) : await collect(untilCanceled(body, signal))
      if (sizeBytes !== undefined && bytes.length !== sizeBytes) {
        throw new BastionError('target_rejected', `"${key}" was to have ${sizeBytes} bytes, its body has ${bytes.length}.`)
      }
      if (ifAbsent && objects.has(key)) throw new BastionError('target_rejected', `"${key}" exists in ${label}.`, { details: { exists: true } })
      objects.set(key, { bytes, ...(options.clock && { modifiedMs: options.clock.now() }) })
      return { sizeBytes: bytes.length }
    },

    async get(key, { range, signal } = {}) {
      keySegments(key)
      const { offset, end } = rangeBounds(range)
      throwIfCanceled(signal)
      const stored = objects.get(key)
      if (stored === undefined) throw new BastionError('target_not_found', `No object "${key}" is stored in ${label}.`)
      return copies(stored.bytes.subarray(offset, end), signal)
    },

    async stat(key) {
      keySegments(key)
      const stored = objects.get(key)
      return stored === undefined ? null : describe(stored)
    },

    async *list(prefix, { recursive = false, signal } = {}) {
      const base = below(prefixSegments(prefix))
      const directories = new Set<string>()
      for (const [key, stored] of objects) {
        throwIfCanceled(signal)
        if (!key.startsWith(base)) continue
        const slash = recursive ? -1 : key.indexOf('/', base.length)
        const entry: ObjectEntry = slash < 0 ? { key, kind: 'object', ...describe(stored) } : { key: key.slice(0, slash), kind: 'directory' }
        if (entry.kind === 'directory') {
          if (directories.has(entry.key)) continue
          directories.add(entry.key)
        }
        yield entry
      }
    },

    async remove(key) {
      keySegments(key)
      objects.delete(key)
    },

    // All goes at once, so nothing has to go last.
    async removeTree(prefix) {
      const base = below(removablePrefixSegments(prefix))
      const keys = [...objects.keys()].filter((key) => key.startsWith(base))
      for (const key of keys) objects.delete(key)
      return { objects: keys.length }
    },

    async removeDirectory(prefix) {
      removablePrefixSegments(prefix)
      return false
    },

    async close() {
      objects.clear()
    },
  }
}

function describe({ bytes, modifiedMs }: StoredObject): { sizeBytes: number; modifiedMs?: number } {
  return { sizeBytes: bytes.length, ...(modifiedMs !== undefined && { modifiedMs }) }
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    sizeBytes += chunk.length
  }
  const bytes = new Uint8Array(sizeBytes)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** Copies, for a reader may change what it gets, or transfer it to another thread. */
async function* copies(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    throwIfCanceled(signal)
    yield bytes.slice(offset, offset + pieceBytes)
  }
}

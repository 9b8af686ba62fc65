import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError, hasCode } from '../../core/errors.ts'
import { pathText } from '../../lib/byte-path.ts'
import type { IndexedEntry } from '../formats/index-entry.ts'
import { askObject } from '../formats/ask-object.ts'
import { objectNameOf } from '../formats/raw-tree-v1/object-name.ts'
import type { Target } from '../targets/target.ts'

/** Of a raw tree: where the content of its files is. */
export interface TreePlace {
  target: Target
  /** the run's directory */
  prefix: string
}

/**
 * Gives the content of one file of a raw tree to `take` and checks size and hash when it has given all. The object is asked for by its key; nothing in the index leads
 * elsewhere, and a target never follows a link.
 * @throws artifact_damaged · the target's errors
 */
export async function streamObject(
  { target, prefix }: TreePlace,
  entry: IndexedEntry,
  options: { signal: AbortSignal; take: (bytes: Uint8Array) => Promise<void> | void },
): Promise<void> {
  const key = `${prefix}/${objectNameOf(entry)}`
  const text = pathText(entry.bytes).text
  const size = entry.size ?? 0
  const hasher = new Blake3Hasher()
  let got = 0
  for await (const chunk of await asked(key, () => target.get(key, { signal: options.signal }))) {
    got += chunk.byteLength
    if (got > size) throw damaged(key, `${text} is longer than the ${size} bytes that were stored`)
    hasher.update(chunk)
    if (chunk.byteLength > 0) await options.take(chunk)
  }
  if (got < size) throw damaged(key, `${text} ends before its ${size} bytes`)
  if (hasher.digest('hex') !== entry.hash) throw damaged(key, `${text} does not have the bytes its hash was made of`)
}

/** Whether the object of a file is there and as long as it should be. @throws artifact_damaged when not · the target's errors */
export async function checkObjectSize({ target, prefix }: TreePlace, entry: IndexedEntry): Promise<void> {
  const key = `${prefix}/${objectNameOf(entry)}`
  const stat = await asked(key, () => target.stat(key))
  if (stat === null) throw damaged(key, `${key} is missing`)
  if (stat.sizeBytes !== (entry.size ?? 0)) throw damaged(key, `${key} has ${stat.sizeBytes} bytes instead of ${entry.size ?? 0}`)
}

/** What the target cannot have under this key was not stored there. */
async function asked<T>(key: string, request: () => Promise<T>): Promise<T> {
  try {
    return await askObject(key, request)
  } catch (error) {
    if (hasCode(error, 'target_rejected', 'invalid_spec')) throw damaged(key, `${key} is missing`, error)
    throw error
  }
}

function damaged(object: string, message: string, cause?: unknown): BastionError {
  return new BastionError('artifact_damaged', message, { cause, details: { object } })
}

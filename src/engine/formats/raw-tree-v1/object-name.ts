import { blake3 } from '@napi-rs/blake-hash'
import { objectNames } from '../../../core/artifact.ts'
import { BastionError } from '../../../core/errors.ts'
import { type BytePath, pathText } from '../../../lib/byte-path.ts'
import type { IndexedEntry } from '../index-entry.ts'

/** Where an entry stands in the run's directory when the target can hold its name. */
export function ownName(path: BytePath): BytePath {
  return `${objectNames.tree}/${path}`
}

/** Where the content of a file is that cannot stand there: 16 bytes of BLAKE3 of its path. ASCII. */
export function oddName(path: BytePath): string {
  return `${objectNames.odd}/${blake3(Buffer.from(path, 'latin1')).toString('hex').slice(0, 32)}`
}

/**
 * The key of a file's content, below the run's directory. An index line can only name the two places its own path gives.
 * @throws artifact_damaged when it names another one, or a path that is no key
 */
export function objectNameOf({ path, bytes, object }: Pick<IndexedEntry, 'path' | 'bytes' | 'object'>): string {
  const { text, b64 } = pathText(bytes)
  if (object === undefined ? b64 !== undefined : object !== oddName(bytes)) {
    throw new BastionError('artifact_damaged', `${path} has no place in the tree`)
  }
  return object ?? `${objectNames.tree}/${text}`
}

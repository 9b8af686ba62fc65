import type { Dirent } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { throwIfCanceled } from '../cancellation.ts'
import type { ListOptions, ObjectEntry } from '../target.ts'
import { isTemporaryName } from '../temporary-name.ts'
import { hasErrno } from './local-dir-error.ts'

/** Entries looked at together. */
const batchSize = 64

/**
 * Objects and directories below `segments`, a directory's page at a time: neither a large directory nor a large tree is held in memory.
 * Not listed: temporary files, symbolic links and whatever else put makes not, and names that are not UTF-8, for no key could name them.
 */
export async function* listDirectory(
  root: string,
  segments: readonly string[],
  { recursive = false, signal }: ListOptions,
): AsyncGenerator<ObjectEntry, void, undefined> {
  const waiting = [segments.join('/')]
  for (let prefix = waiting.pop(); prefix !== undefined; prefix = waiting.pop()) {
    for await (const entry of listOne(root, prefix, signal)) {
      if (!recursive || entry.kind === 'object') yield entry
      else waiting.push(entry.key)
    }
  }
}

async function* listOne(root: string, prefix: string, signal: AbortSignal | undefined): AsyncGenerator<ObjectEntry, void, undefined> {
  throwIfCanceled(signal)
  const directory = await opendir(join(root, prefix), { bufferSize: 4 * batchSize }).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
  if (directory === undefined) return
  const base = prefix === '' ? '' : `${prefix}/`
  let batch: Promise<ObjectEntry | undefined>[] = []
  // Iterating closes the directory, however it ends.
  for await (const dirent of directory) {
    batch.push(lookAt(root, base + dirent.name, dirent))
    if (batch.length < batchSize) continue
    yield* present(await Promise.all(batch))
    throwIfCanceled(signal)
    batch = []
  }
  yield* present(await Promise.all(batch))
}

function present(entries: readonly (ObjectEntry | undefined)[]): ObjectEntry[] {
  return entries.filter((entry) => entry !== undefined)
}

async function lookAt(root: string, key: string, dirent: Dirent): Promise<ObjectEntry | undefined> {
  // U+FFFD stands where bytes were not UTF-8, or for itself: only a name that is found again is a key.
  if (dirent.isDirectory() && !dirent.name.includes('\ufffd')) return { key, kind: 'directory' }
  if ((!dirent.isFile() && !dirent.isDirectory()) || isTemporaryName(dirent.name)) return undefined
  try {
    const stats = await lstat(join(root, key))
    if (stats.isDirectory()) return { key, kind: 'directory' }
    return stats.isFile() ? { key, kind: 'object', sizeBytes: stats.size, modifiedMs: stats.mtimeMs } : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

import { lstat, rmdir, unlink } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import { BastionError } from '../../../core/errors.ts'
import { createFilesystemSync, type FilesystemSync } from '../../../lib/posix-sync.ts'
import { throwIfCanceled } from '../cancellation.ts'
import type { GetOptions, ListOptions, ObjectEntry, ObjectStat, PutOptions, PutResult, RemovedCounts, RemoveTreeOptions, Target } from '../target.ts'
import { keySegments, prefixSegments, rangeBounds, removablePrefixSegments } from '../target-key.ts'
import { isTemporaryName } from '../temporary-name.ts'
import { createDirectorySync } from './directory-sync.ts'
import { createDurableDirectories } from './durable-directories.ts'
import { openTemporaryFile, writeDurably, type TemporaryFile } from './durable-write.ts'
import { listDirectory } from './list-directory.ts'
import { createLocalDirTree } from './local-dir-tree.ts'
import { hasErrno, localDirError } from './local-dir-error.ts'
import { linkError, pathInside, refuseLink } from './local-dir-name.ts'
import { readObjectFile } from './object-file.ts'
import { removeTreeBelow } from './remove-tree.ts'

/** PATH_MAX of linux/limits.h, less its NUL */
const maxPathBytes = 4095

export interface LocalDirOptions {
  /** absolute; made, with those above it, by the first put */
  path: string
  /** @default syncfs(2), or the `sync` command */
  syncFilesystem?: FilesystemSync
}

/**
 * A folder: an object is a file (0600), its key its path below the root, directories are made as needed (0700). The root may be a symbolic
 * link or a mount; below it links are never followed. An object is written under a temporary name beside its own, flushed, renamed, and its
 * directory flushed: that is what makes a put atomic and durable.
 */
export function createLocalDirTarget(options: LocalDirOptions): Target {
  if (!isAbsolute(options.path) || options.path.includes('\0')) {
    throw new BastionError('invalid_spec', `A target folder is an absolute path, not ${JSON.stringify(options.path)}.`)
  }
  const root = resolve(options.path)
  const syncFilesystem = options.syncFilesystem ?? createFilesystemSync()
  const directorySync = createDirectorySync(root, syncFilesystem)
  const directories = createDurableDirectories(root, directorySync)

  const tree = createLocalDirTree(root, directories, syncFilesystem)

  /** Runs `work`; what its file calls throw becomes an error of the target that says what was tried. */
  async function attempt<T>(verb: string, key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw explain(error, verb, key)
    }
  }

  function explain(error: unknown, verb: string, key: string): unknown {
    return localDirError(error, `Cannot ${verb} ${named(key)}`)
  }

  function named(key: string): string {
    return key === '' ? root : `"${key}" in ${root}`
  }

  async function put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, putOptions: PutOptions = {}): Promise<PutResult> {
    const segments = keySegments(key)
    const name = segments.pop()!
    if (isTemporaryName(name)) throw new BastionError('target_rejected', `"${key}": ${root} keeps names like this for objects on their way in.`)
    throwIfCanceled(putOptions.signal)
    const watched = watchErrors(body)
    try {
      const file = await openTemporary(segments, name)
      const sizeBytes = await writeDurably(file, watched.body, putOptions)
      await directorySync.sync(file.directory)
      if (putOptions.metadata !== undefined) await tree.setMetadata(key, putOptions.metadata)
      return { sizeBytes }
    } catch (error) {
      throw watched.threw(error) ? error : explain(error, 'store', key)
    }
  }

  async function openTemporary(segments: readonly string[], name: string): Promise<TemporaryFile> {
    try {
      return await openTemporaryFile(await directories.make(segments), name, named([...segments, name].join('/')))
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error
      // Known to be there, but taken away by somebody else, such as a cleanup of empty directories: made once more.
      directories.forget(segments)
      return await openTemporaryFile(await directories.make(segments), name, named([...segments, name].join('/')))
    }
  }

  async function get(key: string, { range, signal }: GetOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const segments = keySegments(key)
    const { offset, end } = rangeBounds(range)
    throwIfCanceled(signal)
    return await attempt('read', key, async () => {
      const path = await pathInside(root, segments)
      const bytes = await readObjectFile({ path, name: named(key) }, offset, end, signal).catch((error: unknown) => {
        throw hasErrno(error, 'ELOOP') ? linkError(root, segments) : error
      })
      await directories.rememberRoot()
      return { [Symbol.asyncIterator]: () => explainedPieces(bytes, key) }
    })
  }

  async function* explainedPieces(bytes: AsyncIterable<Uint8Array>, key: string): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* bytes
    } catch (error) {
      throw explain(error, 'read', key)
    }
  }

  async function stat(key: string): Promise<ObjectStat | null> {
    const segments = keySegments(key)
    return await attempt('look at', key, async () => {
      try {
        const found = await lstat(await pathInside(root, segments))
        if (found.isSymbolicLink()) throw linkError(root, segments)
        return found.isFile() ? { sizeBytes: found.size, modifiedMs: found.mtimeMs } : null
      } catch (error) {
        if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return null
        throw error
      }
    })
  }

  async function* list(prefix: string, listOptions: ListOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
    const segments = prefixSegments(prefix)
    try {
      await pathInside(root, segments)
      if (segments.length > 0) await refuseLink(root, segments)
      yield* listDirectory(root, segments, listOptions)
    } catch (error) {
      throw explain(error, 'list', prefix)
    }
  }

  async function remove(key: string): Promise<void> {
    const segments = keySegments(key)
    await attempt('remove', key, async () => {
      const path = await pathInside(root, segments)
      try {
        await unlink(path)
      } catch (error) {
        if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return
        // POSIX answers EPERM for a directory, Linux EISDIR.
        if (hasErrno(error, 'EPERM') && (await lstat(path)).isDirectory()) return
        throw error
      }
      await directorySync.sync(dirname(path))
    })
  }

  async function removeTree(prefix: string, { last = [] }: RemoveTreeOptions = {}): Promise<RemovedCounts> {
    const segments = removablePrefixSegments(prefix)
    directories.forget(segments)
    return await attempt('remove', prefix, async () => ({ objects: await removeTreeBelow(root, segments, last) }))
  }

  async function removeDirectory(prefix: string): Promise<boolean> {
    const segments = removablePrefixSegments(prefix)
    return await attempt('remove', prefix, async () => {
      const path = await pathInside(root, segments)
      try {
        await rmdir(path)
      } catch (error) {
        if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST')) return false
        throw error
      }
      directories.forget(segments)
      await directorySync.sync(dirname(path))
      return true
    })
  }

  async function flush(prefix: string): Promise<void> {
    prefixSegments(prefix)
    await attempt('flush', prefix, async () => {
      try {
        // Without any way to do it nothing is lost: every put was flushed by itself.
        await syncFilesystem(root)
      } catch (error) {
        // No root yet, so nothing to flush.
        if (!hasErrno(error, 'ENOENT')) throw error
      }
    })
  }

  return {
    label: root,
    features: {
      atomicPut: true,
      durablePut: true,
      rangeReads: true,
      streamingPut: true,
      holdsPieces: true,
      conditionalPut: true,
      localRoot: root,
      realTree: true,
      // Of case, normalisation and control characters each filesystem has its own ideas.
      names: { maxSegmentBytes: 255, maxKeyBytes: maxPathBytes - Buffer.byteLength(root) - 1, isReserved: isTemporaryName },
    },
    put,
    get,
    stat,
    list,
    remove,
    removeTree,
    removeDirectory,
    flush,
    tree,
    close: async () => {},
  }
}

/** A body whose own errors can be told from the disk's: a source file that is gone must not look like a target that is. */
function watchErrors(body: Uint8Array | AsyncIterable<Uint8Array>): {
  body: Uint8Array | AsyncIterable<Uint8Array>
  threw: (error: unknown) => boolean
} {
  if (body instanceof Uint8Array) return { body, threw: () => false }
  let failure: { error: unknown } | undefined
  const watched: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]() {
      const iterator = body[Symbol.asyncIterator]()
      return {
        next: async () => {
          try {
            return await iterator.next()
          } catch (error) {
            failure = { error }
            throw error
          }
        },
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      }
    },
  }
  return { body: watched, threw: (error) => failure !== undefined && failure.error === error }
}

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { BastionError } from '../../../core/errors.ts'
import { type BytePath, toBytePath } from '../../../lib/byte-path.ts'
import type { FilesystemSync, FilesystemSyncMethod } from '../../../lib/posix-sync.ts'
import type { TargetTree } from '../target.ts'
import { keySegments, prefixSegments } from '../target-key.ts'
import type { DurableDirectories } from './durable-directories.ts'
import { hasErrno, localDirError } from './local-dir-error.ts'
import { createLocalTree, type LocalTree } from './local-tree.ts'

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY

/** The {@link TargetTree} of a folder. */
export function createLocalDirTree(root: string, directories: DurableDirectories, syncFilesystem: FilesystemSync): TargetTree {
  /** As an object is put: only where the root is still what it was. */
  async function make(key: string, work: (tree: LocalTree, path: BytePath) => boolean): Promise<boolean> {
    const segments = keySegments(key)
    try {
      await directories.make(segments.slice(0, -1))
    } catch (error) {
      throw localDirError(error, `Cannot make "${key}" in ${root}`)
    }
    return await below(key, work)
  }

  async function below(key: string, work: (tree: LocalTree, path: BytePath) => boolean): Promise<boolean> {
    keySegments(key)
    try {
      await using handle = await open(root, directoryFlags)
      using tree = createLocalTree(handle.fd, root)
      return work(tree, toBytePath(key))
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return false
      throw localDirError(error, `Cannot make "${key}" in ${root}`)
    }
  }

  return {
    makeDirectory: (key) => make(key, (tree, path) => tree.makeDirectory(path)),
    symlink: (key, to) => make(key, (tree, path) => tree.makeSymlink(path, to)),
    async link(key, existing) {
      keySegments(existing)
      return await make(key, (tree, path) => tree.makeLink(path, toBytePath(existing), false))
    },
    setMetadata: (key, metadata) => below(key, (tree, path) => tree.describe(path, metadata)),
    async openDirectory(prefix) {
      const segments = prefixSegments(prefix)
      try {
        const handle = await open(await directories.make(segments), directoryFlags | (segments.length === 0 ? 0 : constants.O_NOFOLLOW))
        return {
          fd: handle.fd,
          flush: () => flush(handle.fd, prefix),
          [Symbol.asyncDispose]: () => handle.close(),
        }
      } catch (error) {
        throw localDirError(error, `Cannot open "${prefix}" in ${root}`)
      }
    },
  }

  async function flush(fd: number, prefix: string): Promise<void> {
    let method: FilesystemSyncMethod
    try {
      method = await syncFilesystem(root, fd)
    } catch (error) {
      throw localDirError(error, `Cannot flush "${prefix}" in ${root}`)
    }
    // Other than objects that were put, these files were not flushed one by one.
    if (method === 'unavailable') throw new BastionError('unsupported', `Nothing on this system can make the files below ${root} durable.`)
  }
}

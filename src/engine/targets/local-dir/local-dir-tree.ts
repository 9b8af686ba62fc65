import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { type BytePath, toBytePath } from '../../../lib/byte-path.ts'
import type { TargetTree } from '../target.ts'
import { keySegments, prefixSegments } from '../target-key.ts'
import type { DurableDirectories } from './durable-directories.ts'
import { localDirError } from './local-dir-error.ts'
import { createLocalTree, type LocalTree } from './local-tree.ts'

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY

/** The {@link TargetTree} of a folder. */
export function createLocalDirTree(root: string, directories: DurableDirectories): TargetTree & { isUsed(): boolean } {
  let isUsed = false

  async function below(key: string, work: (tree: LocalTree, path: BytePath) => boolean): Promise<boolean> {
    const segments = keySegments(key)
    isUsed = true
    try {
      // As for an object: only where the root is still what it was.
      await directories.make(segments.slice(0, -1))
      await using handle = await open(root, directoryFlags)
      using tree = createLocalTree(handle.fd, root)
      return work(tree, toBytePath(key))
    } catch (error) {
      throw localDirError(error, `Cannot make "${key}" in ${root}`)
    }
  }

  return {
    isUsed: () => isUsed,
    makeDirectory: (key) => below(key, (tree, path) => tree.makeDirectory(path)),
    symlink: (key, to) => below(key, (tree, path) => tree.makeSymlink(path, to)),
    link(key, existing) {
      keySegments(existing)
      return below(key, (tree, path) => tree.makeLink(path, toBytePath(existing), false))
    },
    setMetadata: (key, metadata) => below(key, (tree, path) => tree.describe(path, metadata)),
    async openDirectory(prefix) {
      const segments = prefixSegments(prefix)
      isUsed = true
      try {
        return await open(await directories.make(segments), directoryFlags | (segments.length === 0 ? 0 : constants.O_NOFOLLOW))
      } catch (error) {
        throw localDirError(error, `Cannot open "${prefix}" in ${root}`)
      }
    },
  }
}

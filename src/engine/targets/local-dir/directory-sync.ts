import { syncDirectory, type FilesystemSync } from '../../../lib/posix-sync.ts'
import { createSharedRounds } from '../../../lib/shared-rounds.ts'
import { hasErrno } from './local-dir-error.ts'

export interface DirectorySync {
  /** Makes every change of the directory's entries that was made before this call durable. One fsync serves all who wait for it. */
  sync(path: string): Promise<void>
}

/** @param root a directory on the same filesystem that can be opened */
export function createDirectorySync(root: string, syncFilesystem: FilesystemSync): DirectorySync {
  async function syncOnce(path: string): Promise<void> {
    try {
      await syncDirectory(path)
    } catch (error) {
      // A directory that may be written but not read, and filesystems that sync no directories (some network mounts).
      if (!hasErrno(error, 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
      await syncFilesystem(root)
    }
  }

  return { sync: createSharedRounds(syncOnce) }
}

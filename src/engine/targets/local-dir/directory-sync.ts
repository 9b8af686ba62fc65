import { syncDirectory, type FilesystemSync } from '../../../lib/posix-sync.ts'
import { hasErrno } from './local-dir-error.ts'

export interface DirectorySync {
  /** Makes every change of the directory's entries that was made before this call durable. */
  sync(path: string): Promise<void>
}

/**
 * One fsync serves all who wait for it: while one runs, those who come meanwhile share the next, which begins after all of their changes.
 * @param root a directory on the same filesystem that can be opened
 */
export function createDirectorySync(root: string, syncFilesystem: FilesystemSync): DirectorySync {
  const rounds = new Map<string, { running: Promise<void>; next?: Promise<void> }>()

  function begin(path: string): Promise<void> {
    const round = { running: syncOnce(path) }
    rounds.set(path, round)
    const forget = (): void => {
      if (rounds.get(path) === round && !('next' in round)) rounds.delete(path)
    }
    round.running.then(forget, forget)
    return round.running
  }

  async function syncOnce(path: string): Promise<void> {
    try {
      await syncDirectory(path)
    } catch (error) {
      // A directory that may be written but not read, and filesystems that sync no directories (some network mounts).
      if (!hasErrno(error, 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
      await syncFilesystem(root)
    }
  }

  return {
    sync(path) {
      const round = rounds.get(path)
      if (round === undefined) return begin(path)
      round.next ??= round.running.then(
        () => begin(path),
        () => begin(path),
      )
      return round.next
    },
  }
}

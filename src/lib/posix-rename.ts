import { getSystemErrorName } from 'node:util'

/**
 * Renames a file unless the new name exists, decided by the filesystem without a race: renameat2(2) with RENAME_NOREPLACE, for filesystems
 * without hard links (FAT, exFAT). Blocks the thread for one rename.
 * @returns `false` where this platform does not have it
 * @throws an error with an errno `code`: EEXIST when the new name exists, EINVAL when the filesystem cannot
 */
export async function renameNoReplace(from: string, to: string): Promise<boolean> {
  const rename = await loadRenameat2()
  if (rename === undefined) return false
  const errno = rename(from, to)
  if (errno === 0) return true
  const code = getSystemErrorName(-errno)
  throw Object.assign(new Error(`${code}: renameat2`), { errno: -errno, code, syscall: 'renameat2' })
}

async function loadRenameat2(): Promise<((from: string, to: string) => number) | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { default: koffi } = await import('koffi')
    const renameat2 = koffi.load(null).func('int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)')
    const currentDirectory = -100 // AT_FDCWD
    const noReplace = 1 // RENAME_NOREPLACE
    return (from, to) => (renameat2(currentDirectory, from, currentDirectory, to, noReplace) === 0 ? 0 : koffi.errno())
  } catch {
    return undefined
  }
}

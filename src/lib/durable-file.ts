import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from './posix-sync.ts'

/** Puts `text` at `path`, whole or not at all and still there after a power cut when this returns. One writer at a time. @throws the system's error */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600)
  try {
    writeFileSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameDurably(temporary, path)
}

/** Gives a file that is on the disk the name `path`, in the place of what had it, in one step that is still there after a power cut. @throws the system's error */
export function renameDurably(from: string, path: string): void {
  renameSync(from, path)
  syncDirectorySync(dirname(path))
}

/** As {@link writeDurably}, where nobody may be held up while a disk is busy. @throws the system's error */
export async function storeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`
  {
    await using file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600)
    await file.writeFile(text)
    await file.sync()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

/** Removes the name for good; it need not be there. */
export function removeDurably(path: string): void {
  rmSync(path, { force: true })
  syncDirectorySync(dirname(path))
}

function syncDirectorySync(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

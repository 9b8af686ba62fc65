import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** Where the tools of an administrator live; an ordinary user's PATH ends before them. */
const administratorFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** @param path a PATH variable; its relative folders are passed over. @returns the absolute path of the program, `null` when it is not installed */
export function findProgram(name: string, path: string): string | null {
  const folders = [...path.split(delimiter), ...(process.platform === 'win32' ? [] : administratorFolders)]
  for (const folder of folders.filter(isAbsolute)) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      if (statSync(file).isFile()) return file
    } catch {
      // the next one
    }
  }
  return null
}

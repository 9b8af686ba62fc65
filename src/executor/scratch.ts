import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { removeTreeBelow } from '../engine/targets/local-dir/remove-tree.ts'
import { openWorkDirectories, workFiles } from './work-directory.ts'

/** Whether drills whose runners are gone have left what they brought back. */
export async function hasLeftScratch(dataDir: string): Promise<boolean> {
  return (await leftScratch(dataDir)).length > 0
}

/** Removes it. @returns of how many drills. @throws the system's error */
export async function reapScratch(dataDir: string): Promise<number> {
  const left = await leftScratch(dataDir)
  for (const directory of left) await removeScratch(directory)
  return left.length
}

/** Removes what the drill of a directory has brought back, whatever its modes. @throws the system's error */
export async function removeScratch(directory: string): Promise<void> {
  await removeTreeBelow(directory, [workFiles.scratch], [])
}

async function leftScratch(dataDir: string): Promise<string[]> {
  const directories = openWorkDirectories(dataDir, 'operation')
  const left: string[] = []
  for (const { directory } of await directories.list()) {
    if (!existsSync(join(directory, workFiles.scratch))) continue
    using lock = directories.tryLock(directory)
    if (lock !== null) left.push(directory)
  }
  return left
}

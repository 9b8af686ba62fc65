import type { BigIntStats } from 'node:fs'

/**
 * Which file it is, whatever its name: device, inode, and where the filesystem tells it the time of birth, for the number of a file that is gone is soon
 * that of another one.
 */
export function fileIdOf(stats: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`
}

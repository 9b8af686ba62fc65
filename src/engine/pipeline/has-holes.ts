import type { FileStat } from '../../lib/file-stat.ts'
import { findData } from './entry-metadata.ts'
import type { SourceTools } from './source-tools.ts'

/** Whether a file of a tree has holes: they are kept where it is written, and come back when it is restored. */
export function hasHoles(tools: SourceTools, fd: number, stat: FileStat): boolean {
  try {
    return findData(tools, fd, stat) !== null
  } catch {
    return false // nobody knows: its zeros are zeros
  }
}

import { constants, openSync } from 'node:fs'
import { type BytePath, fsPath } from '../../lib/byte-path.ts'

const plain = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY
// O_NOATIME exists on Linux only; the type says it always does.
const quiet = plain | (constants.O_NOATIME ?? 0)

/**
 * Opens a file to be read without leaving a trace in its access time, never through a link unless asked, and never waiting for a FIFO's writer.
 * @throws the system's error
 */
export function openSourceFile(physical: BytePath, followed: boolean): number {
  const noFollow = followed ? 0 : constants.O_NOFOLLOW
  const path = fsPath(physical)
  try {
    return openSync(path, quiet | noFollow)
  } catch (error) {
    // Only the owner may ask for O_NOATIME.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
    return openSync(path, plain | noFollow)
  }
}

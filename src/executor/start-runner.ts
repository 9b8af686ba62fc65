import { spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import type { FileLock } from '../lib/file-lock.ts'
import { workFiles } from './work-directory.ts'

/**
 * Starts the runner of a run directory, in a process group of its own: it outlives this process. From when this returns the runner holds the lock, too.
 * @param onFailed told when it could not be started: nobody holds the lock then
 */
export function startRunner(command: readonly string[], directory: string, lock: FileLock, onFailed: (error: Error) => void): void {
  const [file, ...args] = command
  const log = openSync(join(directory, workFiles.log), constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600)
  try {
    const child = spawn(file!, [...args, directory], { cwd: '/', detached: true, stdio: ['ignore', log, log, lock.fd] })
    child.once('error', onFailed)
    child.unref()
  } finally {
    closeSync(log)
  }
}

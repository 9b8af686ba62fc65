import { existsSync } from 'node:fs'
import path from 'node:path'
import { BastionError } from '../core/errors.ts'
import { createFileLocker, type FileLock } from '../lib/file-lock.ts'

const lockName = 'hub.lock'

/** Held by whoever uses the database of a Hub: two of them would each believe to know what runs. @throws conflict while another process holds it · unsupported */
export function lockDataDirectory(directory: string): FileLock {
  const tryLock = createFileLocker()
  if (tryLock === null) throw new BastionError('unsupported', 'this system has no flock, by which a Hub knows that it is alone')
  const lock = tryLock(path.join(directory, lockName))
  if (lock === null) throw new BastionError('conflict', `another Hub runs on ${directory}`, { hint: 'Stop it, or choose another --data-dir.' })
  return lock
}

/** Whether somebody holds it at this moment: a Hub, or a command that wants none beside it. */
export function isDataDirectoryLocked(directory: string): boolean {
  const file = path.join(directory, lockName)
  const tryLock = createFileLocker()
  if (tryLock === null || !existsSync(file)) return false
  using lock = tryLock(file)
  return lock === null
}

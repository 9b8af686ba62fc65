import path from 'node:path'
import { BastionError } from '../core/errors.ts'
import { createFileLocker, type FileLock } from '../lib/file-lock.ts'

/** Held by whoever uses the database of a Hub: two of them would each believe to know what runs. @throws conflict while another process holds it · unsupported */
export function lockDataDirectory(directory: string): FileLock {
  const tryLock = createFileLocker()
  if (tryLock === null) throw new BastionError('unsupported', 'this system has no flock, by which a Hub knows that it is alone')
  const lock = tryLock(path.join(directory, 'hub.lock'))
  if (lock === null) throw new BastionError('conflict', `another Hub runs on ${directory}`, { hint: 'Stop it, or choose another --data-dir.' })
  return lock
}

import { orCanceled, throwIfCanceled } from '../cancellation.ts'
import type { ListOptions, ObjectEntry } from '../target.ts'
import { isTemporaryName } from '../temporary-name.ts'
import { entryPath, pathOf, type SftpRoot } from './sftp-path.ts'
import type { SftpAttributes, SftpEntry } from './sftp-requests.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, sftpStatus } from './sftp-status.ts'

/**
 * Objects and directories below `segments`, a directory's page at a time: neither a large directory nor a large tree is held in memory.
 * Not listed: temporary files, symbolic links and whatever else put makes not, and names that are not UTF-8, for no key could name them.
 */
export async function* listDirectory(
  session: SftpSession,
  root: SftpRoot,
  segments: readonly string[],
  { recursive = false, signal }: ListOptions,
): AsyncGenerator<ObjectEntry, void, undefined> {
  const waiting = [segments]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for await (const page of pagesOf(session, pathOf(root, directory), signal)) {
      for (const { name, attributes } of await Promise.all(page.map((entry) => complete(session, pathOf(root, directory), entry)))) {
        const child = [...directory, name]
        if (attributes?.kind === 'directory' && recursive) waiting.push(child)
        else if (attributes?.kind === 'directory') yield { key: child.join('/'), kind: 'directory' }
        else if (attributes?.kind === 'file' && !isTemporaryName(name)) {
          const { sizeBytes, modifiedMs } = attributes
          yield { key: child.join('/'), kind: 'object', sizeBytes, ...(modifiedMs !== undefined && { modifiedMs }) }
        }
      }
      throwIfCanceled(signal)
    }
  }
}

/** The entries of a directory as they come; none when it is not there, or is no directory. */
export async function* pagesOf(session: SftpSession, path: string, signal: AbortSignal | undefined): AsyncGenerator<SftpEntry[], void, undefined> {
  throwIfCanceled(signal)
  let handle: Buffer
  try {
    handle = await session.opendir(path)
  } catch (error) {
    if (hasStatus(error, sftpStatus.noSuchFile)) return
    throw error
  }
  try {
    for (;;) {
      const page = await orCanceled(session.readdir(handle), signal)
      if (page === undefined) return
      yield page
    }
  } finally {
    session.close(handle).catch(() => {}) // nothing depends on it
  }
}

/**
 * An entry with its attributes where the server did not send them; without them when it is not there. U+FFFD stands where bytes were not UTF-8, or for
 * itself: only a name that is found again is a key.
 */
async function complete(
  session: SftpSession,
  directory: string,
  entry: SftpEntry,
): Promise<{ name: string; attributes: SftpAttributes | undefined }> {
  const { name, attributes } = entry
  if (attributes !== undefined && !name.includes('\ufffd')) return { name, attributes }
  return { name, attributes: await session.lstat(entryPath(directory, name)) }
}

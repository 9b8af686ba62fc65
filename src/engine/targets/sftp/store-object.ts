import { setTimeout as delay } from 'node:timers/promises'
import { BastionError } from '../../../core/errors.ts'
import { orCanceled, throwIfCanceled } from '../cancellation.ts'
import type { PutOptions } from '../target.ts'
import { newTemporaryName } from '../temporary-name.ts'
import { publishIfAbsent, publishReplacing } from './publish-object.ts'
import type { SftpConnection } from './sftp-connection.ts'
import { entryPath } from './sftp-path.ts'
import { openNewForWriting } from './sftp-requests.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'
import { writeBody } from './sftp-write.ts'

/** How long a put that failed waits for the removal of what it wrote; that goes on behind it. */
const cleanUpMs = 1_000
/** With less room than this a disk is full: requests under way at once need more than one. */
const fullBelowBytes = 1024 * 1024

export interface NewObject {
  directory: string
  name: string
  /** how messages name it: `"job/run/x" in sftp://host/dir` */
  label: string
}

/**
 * Writes the object under a temporary name, has it flushed where the server can, and gives it its name. Rejected or aborted, nothing is left of it;
 * when the connection broke, that is done with the next one.
 * @returns the bytes stored
 */
export async function storeObject(
  connection: SftpConnection,
  { directory, name, label }: NewObject,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<number> {
  const { signal, ifAbsent } = options
  const session = await connection.session(signal)
  const temporaryPath = entryPath(directory, newTemporaryName(name))
  const path = entryPath(directory, name)
  const opening = session.open(temporaryPath, openNewForWriting)
  try {
    const handle = await orCanceled(opening, signal)
    const sizeBytes = await writeBody(session, handle, label, body, options)
    await orCanceled(settle(session, handle, sizeBytes, label), signal)
    await orCanceled(session.close(handle, sizeBytes), signal)
    throwIfCanceled(signal)
    if (ifAbsent === true) await publishIfAbsent(session, temporaryPath, path, label)
    else await publishReplacing(session, temporaryPath, path)
    return sizeBytes
  } catch (error) {
    const reason = await explainFailure(session, directory, error)
    const cleaned = cleanUp(connection, session, temporaryPath, opening)
    await Promise.race([cleaned, delay(cleanUpMs, undefined, { ref: false })])
    throw reason
  }
}

/** Makes the file durable where the server can, and has it say once more how much it has. */
async function settle(session: SftpSession, handle: Buffer, sizeBytes: number, label: string): Promise<void> {
  const [{ sizeBytes: storedBytes }] = await Promise.all([
    session.fstat(handle),
    session.fsync(handle, sizeBytes).catch((error: unknown) => {
      if (!hasStatus(error, sftpStatus.unsupported)) throw error
    }),
  ])
  if (storedBytes !== sizeBytes) {
    throw new BastionError('target_rejected', `Of ${label} ${storedBytes} bytes are stored, though the server took ${sizeBytes}.`)
  }
}

/** Most servers say no more than "failure" when a disk is full or read-only; asked for their room they do. */
export async function explainFailure(session: SftpSession, path: string, error: unknown): Promise<unknown> {
  if (!hasStatus(error, sftpStatus.failure)) return error
  try {
    const { freeBytes, hasFreeInodes, isReadOnly } = await session.statvfs(path)
    if (isReadOnly) return new SftpStatusError(sftpStatus.writeProtected, error.message)
    if (freeBytes < fullBelowBytes || !hasFreeInodes) return new SftpStatusError(sftpStatus.noSpace, error.message)
  } catch {
    // It cannot tell; the first error is the one to tell then.
  }
  return error
}

/** Never rejects: the error that led here is the one to tell. A file that stays goes with the folder of its run. */
async function cleanUp(connection: SftpConnection, session: SftpSession, temporaryPath: string, opening: Promise<Buffer>): Promise<void> {
  try {
    await session.close(await opening)
  } catch {
    // Closed already, or never opened.
  }
  try {
    await session.remove(temporaryPath)
  } catch {
    if (!session.isOpen) connection.removeLater(temporaryPath)
  }
}

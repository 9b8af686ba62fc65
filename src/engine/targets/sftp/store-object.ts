import { setTimeout as delay } from 'node:timers/promises'
import { BastionError } from '../../../core/errors.ts'
import { orCanceled, throwIfCanceled } from '../cancellation.ts'
import type { PutOptions } from '../target.ts'
import { newTemporaryName } from '../temporary-name.ts'
import { publishIfAbsent, publishReplacing } from './publish-object.ts'
import type { SftpConnection } from './sftp-connection.ts'
import type { SftpMetadata } from './sftp-metadata.ts'
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

interface Storing {
  connection: SftpConnection
  given: SftpMetadata
}

/**
 * Stores an object. With `inPlace`, where nothing has its name yet, under that name: what is left of it when that fails is its caller's to remove. Otherwise under a temporary name,
 * of which nothing is left when that fails; when the connection broke, that is done with the next one. It is flushed where the server can.
 * @returns the bytes stored
 */
export async function storeObject(
  storing: Storing,
  object: NewObject,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<number> {
  const session = await storing.connection.session(options.signal)
  const handle = options.inPlace === true && options.ifAbsent !== true ? await openInPlace(session, object, options.signal) : null
  if (handle === null) return await storeAside(session, storing, object, body, options)
  try {
    return await writeWhole(session, handle, { given: storing.given, object }, body, options)
  } catch (error) {
    session.close(handle).catch(() => {}) // closed already, or with the connection
    throw await explainFailure(session, object.directory, error)
  }
}

/** `null` where something has the name: a put that failed has left it, or a link stands there, which must not be followed. */
async function openInPlace(session: SftpSession, { directory, name }: NewObject, signal: AbortSignal | undefined): Promise<Buffer | null> {
  try {
    return await orCanceled(session.open(entryPath(directory, name), openNewForWriting), signal)
  } catch (error) {
    if (hasStatus(error, sftpStatus.failure, sftpStatus.fileAlreadyExists)) return null
    throw error
  }
}

async function storeAside(
  session: SftpSession,
  { connection, given }: Storing,
  object: NewObject,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<number> {
  const { directory, name, label } = object
  const { signal, ifAbsent } = options
  const temporaryPath = entryPath(directory, newTemporaryName(name))
  const path = entryPath(directory, name)
  const opening = session.open(temporaryPath, openNewForWriting)
  try {
    const handle = await orCanceled(opening, signal)
    const sizeBytes = await writeWhole(session, handle, { given, object }, body, options)
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

/** Writes, describes, flushes and closes an open file. @returns its bytes */
async function writeWhole(
  session: SftpSession,
  handle: Buffer,
  { given, object: { label } }: { given: SftpMetadata; object: NewObject },
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<number> {
  const { signal, metadata, inPlace } = options
  const sizeBytes = await writeBody(session, handle, label, body, options)
  if (metadata !== undefined)
    await orCanceled(
      given.give((attributes) => session.fsetstat(handle, attributes), 'file', metadata),
      signal,
    )
  // Who stores in place looks at all of it before it counts.
  await orCanceled(inPlace === true ? flush(session, handle, sizeBytes) : settle(session, handle, sizeBytes, label), signal)
  await orCanceled(session.close(handle, sizeBytes), signal)
  return sizeBytes
}

/** Makes the file durable where the server can. */
async function flush(session: SftpSession, handle: Buffer, sizeBytes: number): Promise<void> {
  try {
    await session.fsync(handle, sizeBytes)
  } catch (error) {
    if (!hasStatus(error, sftpStatus.unsupported)) throw error
  }
}

/** As {@link flush}, and has the server say once more how much it has. */
async function settle(session: SftpSession, handle: Buffer, sizeBytes: number, label: string): Promise<void> {
  const [{ sizeBytes: storedBytes }] = await Promise.all([session.fstat(handle), flush(session, handle, sizeBytes)])
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

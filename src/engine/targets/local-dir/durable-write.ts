import { constants } from 'node:fs'
import { link, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { BastionError } from '../../../core/errors.ts'
import { renameNoReplace } from '../../../lib/posix-rename.ts'
import { throwIfCanceled, untilCanceled } from '../cancellation.ts'
import type { PutOptions } from '../target.ts'
import { newTemporaryName } from '../temporary-name.ts'
import { hasErrno } from './local-dir-error.ts'

/** Chunks are handed to the disk together once they come to this much, never copied. */
const gatherBytes = 1024 * 1024
/** A body in one piece is handed over in slices, so that an abort is noticed between them. */
const sliceBytes = 8 * 1024 * 1024

export interface TemporaryFile {
  readonly handle: FileHandle
  readonly directory: string
  readonly temporaryPath: string
  /** what it is to be */
  readonly path: string
  /** how messages name the object: `"job/run/x" in /backups` */
  readonly object: string
}

/** A new file in `directory` that is not seen as an object. To be given to {@link writeDurably}, which closes it. @throws ENOENT without the directory */
export async function openTemporaryFile(directory: string, name: string, object: string): Promise<TemporaryFile> {
  const temporaryPath = join(directory, newTemporaryName(name))
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  return { handle: await open(temporaryPath, flags, 0o600), directory, temporaryPath, path: join(directory, name), object }
}

/**
 * Fills the file, flushes it to the disk and gives it its name; making the name itself durable (fsync of the directory) is the caller's.
 * Rejected or aborted, nothing is left of it.
 * @returns the bytes written
 */
export async function writeDurably(file: TemporaryFile, body: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions): Promise<number> {
  const { handle, temporaryPath, path } = file
  const { ifAbsent, signal } = options
  try {
    let written: number
    try {
      written = await writeBody(file, body, options)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    throwIfCanceled(signal)
    if (ifAbsent === true) await claimName(file)
    else await rename(temporaryPath, path)
    return written
  } catch (error) {
    // The first error is the one to tell; a temporary file that cannot be removed goes with the run's directory.
    await unlink(temporaryPath).catch(() => {})
    throw error
  }
}

/** @returns the bytes written, equal to `sizeBytes` where that is given */
async function writeBody(
  { handle, object }: TemporaryFile,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  { sizeBytes, onChunkDone, signal }: PutOptions,
): Promise<number> {
  let receivedBytes = 0
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  let position = 0
  // One write is under way while the next chunks are awaited.
  let writing = Promise.resolve()

  async function writeGathered(): Promise<void> {
    await writing
    writing = writeChunks(gathered, position)
    writing.catch(() => {})
    position += gatheredBytes
    gathered = []
    gatheredBytes = 0
  }

  async function writeChunks(chunks: readonly Uint8Array[], at: number): Promise<void> {
    await writeFully(handle, chunks, at)
    if (onChunkDone !== undefined) for (const chunk of chunks) onChunkDone(chunk)
  }

  try {
    for await (const chunk of body instanceof Uint8Array ? slicesOf(body, signal) : untilCanceled(body, signal)) {
      receivedBytes += chunk.length
      if (sizeBytes !== undefined && receivedBytes > sizeBytes) throw sizeError(object, sizeBytes, `more than ${sizeBytes}`)
      if (chunk.length === 0) continue
      gathered.push(chunk)
      gatheredBytes += chunk.length
      if (gatheredBytes >= gatherBytes) await writeGathered()
    }
    if (sizeBytes !== undefined && receivedBytes < sizeBytes) throw sizeError(object, sizeBytes, String(receivedBytes))
    if (gatheredBytes > 0) await writeGathered()
    await writing
    return receivedBytes
  } finally {
    await writing.catch(() => {})
  }
}

function* slicesOf(body: Uint8Array, signal: AbortSignal | undefined): Generator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < body.length; offset += sliceBytes) {
    throwIfCanceled(signal)
    yield body.subarray(offset, offset + sliceBytes)
  }
}

async function writeFully(handle: FileHandle, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let rest = chunks
  let at = position
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at)
    if (bytesWritten === 0) throw Object.assign(new Error('EIO: nothing was written'), { code: 'EIO', syscall: 'writev' })
    at += bytesWritten
    rest = withoutFirstBytes(rest, bytesWritten)
  }
}

function withoutFirstBytes(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  const rest: Uint8Array[] = []
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(skip === 0 ? chunk : chunk.subarray(skip))
    skip = Math.max(0, skip - chunk.length)
  }
  return rest
}

/** Gives the file its name unless something has it. A hard link is made or not, and of two makers the filesystem lets one. */
async function claimName({ temporaryPath, path, object }: TemporaryFile): Promise<void> {
  try {
    await link(temporaryPath, path)
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) throw existsError(object, error)
    // No hard links here: FAT, exFAT and some network mounts.
    if (!hasErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error
    return await claimNameByRename(temporaryPath, path, object)
  }
  await unlink(temporaryPath)
}

async function claimNameByRename(temporaryPath: string, path: string, object: string): Promise<void> {
  try {
    if (await renameNoReplace(temporaryPath, path)) return
  } catch (error) {
    throw hasErrno(error, 'EEXIST') ? existsError(object, error) : error
  }
  throw new BastionError(
    'target_rejected',
    `Cannot store ${object} only if absent: its filesystem has neither hard links nor a rename that replaces nothing.`,
  )
}

function existsError(object: string, cause: unknown): BastionError {
  return new BastionError('target_rejected', `There is an object ${object} already.`, { cause, details: { exists: true } })
}

function sizeError(object: string, expectedBytes: number, got: string): BastionError {
  return new BastionError('target_rejected', `${object} was to have ${expectedBytes} bytes, its body has ${got}.`)
}

import { constants, type Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { BastionError } from '../../../core/errors.ts'
import { orCanceled } from '../cancellation.ts'
import { hasErrno } from './local-dir-error.ts'

/** What a reader gets at a time. */
const pieceBytes = 1024 * 1024
/** What a reader gets at once who asked for no more: a frame of a payload, with room to spare. */
const wholeRangeBytes = 8 * 1024 * 1024

/** O_NONBLOCK: opening a FIFO somebody put there must not wait for its writer. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface ObjectFile {
  path: string
  /** how messages name it: `"job/run/x" in /backups` */
  name: string
}

/**
 * The bytes from `offset` to `end` (exclusive) or to the end of the file. What fits one piece, or was asked for as a range, is read at once; more is opened again by each
 * iteration, so that a reader that never comes keeps no file open.
 * @throws target_not_found when there is no file
 */
export async function readObjectFile(
  object: ObjectFile,
  offset: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const { handle, stats } = await openObjectFile(object)
  await using _ = handle
  const available = Math.min(end, stats.size) - offset
  if (available > (end - offset <= wholeRangeBytes ? wholeRangeBytes : pieceBytes))
    return { [Symbol.asyncIterator]: () => readPieces(object, offset, end, signal) }
  const piece = available > 0 ? await orCanceled(readFully(handle, offset, available), signal) : undefined
  return once(piece)
}

async function* once(piece: Uint8Array | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  if (piece !== undefined && piece.length > 0) yield piece
}

async function* readPieces(
  object: ObjectFile,
  offset: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { handle, stats } = await openObjectFile(object)
  const stop = Math.min(end, stats.size)
  const readFrom = (position: number): Promise<Uint8Array> => {
    const reading = readFully(handle, position, Math.min(pieceBytes, stop - position))
    reading.catch(() => {})
    return reading
  }
  try {
    // One piece is read ahead while the reader works on the last.
    let next = readFrom(offset)
    for (let position = offset; position < stop;) {
      const piece = await orCanceled(next, signal)
      if (piece.length === 0) return
      position += piece.length
      if (position < stop) next = readFrom(position)
      yield piece
    }
  } finally {
    // Waits for a read under way; it is at most a piece.
    await handle.close()
  }
}

async function openObjectFile({ path, name }: ObjectFile): Promise<{ handle: FileHandle; stats: Stats }> {
  let handle: FileHandle
  try {
    handle = await open(path, readFlags)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) throw notFound(name, error)
    throw error
  }
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw notFound(name)
    return { handle, stats }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Shorter than `length` only where the file ends. */
async function readFully(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled === length ? buffer : buffer.subarray(0, filled)
}

function notFound(name: string, cause?: unknown): BastionError {
  return new BastionError('target_not_found', `There is no object ${name}.`, { cause })
}

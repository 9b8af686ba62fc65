import { BastionError } from '../../../core/errors.ts'
import { orCanceled } from '../cancellation.ts'
import { openForReading } from './sftp-requests.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, sftpStatus } from './sftp-status.ts'
import { pieceBytes } from './sftp-write.ts'

/** Asked for before the reader asks: what a get needs of memory, times a piece. More than ssh2 lets a server send at once would not be faster. */
const piecesAhead = 16

/**
 * The bytes of a file from `offset` to `end` (exclusive) or to its end.
 * @param expectedBytes the size it had a moment ago: with it reading begins one round trip earlier
 */
export async function* readFile(
  session: SftpSession,
  path: string,
  label: string,
  range: { offset: number; end: number },
  expectedBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await session.open(path, openForReading).catch((error: unknown) => {
    if (!hasStatus(error, sftpStatus.noSuchFile)) throw error
    throw new BastionError('target_not_found', `There is no object ${label}.`, { cause: error })
  })
  try {
    const ahead: Promise<Uint8Array>[] = []
    let stop = Math.min(range.end, expectedBytes)
    let asked = range.offset
    const askAhead = (): void => {
      for (; ahead.length < piecesAhead && asked < stop; asked += pieceBytes) {
        const piece = readFully(session, handle, asked, Math.min(pieceBytes, stop - asked), label)
        piece.catch(() => {}) // awaited in its turn
        ahead.push(piece)
      }
    }
    askAhead()
    const { sizeBytes } = await orCanceled(session.fstat(handle), signal)
    if (sizeBytes !== expectedBytes) {
      // Replaced by another object between the two looks.
      ahead.length = 0
      asked = range.offset
      stop = Math.min(range.end, sizeBytes)
      askAhead()
    }
    for (let piece = ahead.shift(); piece !== undefined; piece = ahead.shift()) {
      const bytes = await orCanceled(piece, signal)
      askAhead()
      yield bytes
    }
  } finally {
    // Nobody waits for the answer, and a reader that stops early not for what was asked ahead.
    session.close(handle).catch(() => {})
  }
}

async function readFully(session: SftpSession, handle: Buffer, position: number, length: number, label: string): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const count = await session.read(handle, buffer.subarray(filled), position + filled)
    if (count === 0) throw new BastionError('target_rejected', `${label} became shorter while it was read.`)
    filled += count
  }
  return buffer
}

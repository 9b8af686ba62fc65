import { Blake3Hasher } from '@napi-rs/blake-hash'
import { type FileRef, type OpenedFile, readErrorOf, readFully } from './read-file.ts'

/** What is read at a time of a file too large to be held whole. */
export const pieceBytes = 1024 * 1024
/** A file that shrinks while it is sent is begun anew; the last time it is filled up. */
export const maxSendings = 3

/** A file that is read from its first byte to its announced size. */
export interface FilePieces extends Iterable<Uint8Array> {
  /** Once all is read. `readBytes`: fewer than the size where the rest is zeros, because the file ended or (`failure`) could not be read further. */
  end(): { hash: string; readBytes: number; failure: ReturnType<typeof readErrorOf> | null }
}

/** Thrown between two pieces: the file ended before its announced size, and nobody is to fill it up. */
export class SourceShrankError extends Error {}

/**
 * @param options.takeBuffer of at least {@link pieceBytes}, for each piece
 * @param options.fillUp whether a file that ends too early is filled with zeros
 */
export function readPieces(source: OpenedFile, file: FileRef, options: { takeBuffer: () => Uint8Array; fillUp: boolean }): FilePieces {
  const { size } = source.before
  const hasher = new Blake3Hasher()
  let readBytes = 0
  let failure: ReturnType<typeof readErrorOf> | null = null

  return {
    *[Symbol.iterator]() {
      for (let position = 0; position < size;) {
        const piece = options.takeBuffer().subarray(0, Math.min(pieceBytes, size - position))
        let got = 0
        if (failure === null && readBytes === position) {
          try {
            got = readFully(source.fd, piece, 0, piece.byteLength, position)
          } catch (error) {
            failure = readErrorOf(file, error)
          }
          if (got < piece.byteLength && failure === null && !options.fillUp) throw new SourceShrankError()
          readBytes += got
        }
        piece.fill(0, got)
        hasher.update(piece)
        position += piece.byteLength
        yield piece
      }
    },
    end: () => ({ hash: hasher.digest('hex'), readBytes, failure }),
  }
}

import { BastionError } from '../../../core/errors.ts'
import { mebibyte } from '../../../core/pipeline-spec.ts'

/** What is sent in one request; more is sent in pieces. No S3 server takes pieces (all but the last) of less than 5 MiB. */
export const smallestPieceBytes = 8 * mebibyte
/** S3's own limit. */
const mostPieces = 10_000
/** A body of known length is cut so that it stays clear of the limit. */
const plannedPieces = 9_000
/** A body of unknown length is cut small so far (62.5 GiB), and then large, up to 187 GiB. All of one size as long as can be: not every server takes others. */
const smallPiecesOfUnknown = 8_000
const largerPieceBytes = 64 * mebibyte

/**
 * How large the pieces of a body are: max(8 MiB, size/9000).
 * @param sizeBytes undefined where nobody knows it yet
 * @param longestPieceBytes what memory holds of one
 * @returns the length of the piece of a number, from 1; @throws target_rejected when a body is too long for the pieces there can be
 */
export function pieceSizes(sizeBytes: number | undefined, longestPieceBytes: number, object: string): (number: number) => number {
  const plannedBytes = Math.ceil((sizeBytes ?? 0) / plannedPieces)
  if (sizeBytes !== undefined && plannedBytes > longestPieceBytes) {
    throw new BastionError('target_rejected', `${object} cannot be stored: at ${sizeBytes} bytes its pieces would not fit the memory for uploads.`)
  }
  return (number) => {
    if (number > mostPieces) {
      throw new BastionError('target_rejected', `${object} cannot be stored: it needs more than the ${mostPieces} pieces S3 allows.`)
    }
    if (sizeBytes !== undefined) return Math.max(smallestPieceBytes, plannedBytes)
    return Math.min(longestPieceBytes, number <= smallPiecesOfUnknown ? smallestPieceBytes : largerPieceBytes)
  }
}

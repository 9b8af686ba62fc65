import { BastionError } from '../../core/errors.ts'
import { compressedBound, decompressFrame, ZstdFrameError } from '../../lib/zstd-frame.ts'

/** No writer of ours makes larger frames; a seek table that claims more is not believed. */
export const maxFramePlainBytes = 64 * 1024 * 1024
export const maxFrameStoredBytes = compressedBound(maxFramePlainBytes)

/** @throws artifact_damaged when the frame is not zstd or not of the promised size */
export function decodeFrame(frame: Uint8Array, plainSize: number): Uint8Array {
  try {
    return decompressFrame(frame, plainSize, maxFramePlainBytes)
  } catch (error) {
    if (!(error instanceof ZstdFrameError)) throw error
    throw new BastionError('artifact_damaged', `a frame of the payload is damaged: ${error.message}`, { cause: error })
  }
}

import { writeSync } from 'node:fs'

/** What filesystems allocate at least, most of them. */
const blockBytes = 4096
const zeros = Buffer.alloc(blockBytes)

/**
 * Writes `bytes` at `position` but for blocks that are zeros, which stay holes of a file that is new there. Its size is the caller's to set.
 * @throws the system's error
 */
export function writeAroundZeros(fd: number, bytes: Uint8Array, position: number): void {
  let from = -1
  for (let at = 0; at < bytes.byteLength;) {
    const end = Math.min(bytes.byteLength, at + blockBytes - ((position + at) % blockBytes))
    const isZero = Buffer.compare(bytes.subarray(at, end), zeros.subarray(0, end - at)) === 0
    if (!isZero && from < 0) from = at
    if (isZero && from >= 0) {
      writeFully(fd, bytes.subarray(from, at), position + from)
      from = -1
    }
    at = end
  }
  if (from >= 0) writeFully(fd, bytes.subarray(from), position + from)
}

/** @throws the system's error */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done, bytes.byteLength - done, position + done)
}

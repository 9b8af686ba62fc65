/** Random access to bytes stored somewhere: an object, the parts of a payload as one stream, the plaintext of an age file. */
export interface RangeReader {
  readonly sizeBytes: number
  /** Exactly `length` bytes from `offset`, in memory of their own that may be handed to another thread. @throws BastionError artifact_damaged when they are not there */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
  /** The bytes from `offset` (up to `end`, exclusive) in order, in pieces of any size; for reading much without one request a piece. */
  stream(offset: number, end?: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

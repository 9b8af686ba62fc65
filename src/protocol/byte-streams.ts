/**
 * Bulk bytes between the Hub and a node, beside the messages that speak of them. A stream is an id both sides know from a message: one side writes it, the other reads
 * it, in either order, each once. Who writes waits for who reads.
 */
export interface ByteStreams {
  /**
   * Resolves when the other side has read all of it. `body` is asked for no more than is read.
   * @throws what `body` threw; what the stream was aborted with; `canceled` when the reader stopped early
   */
  write(streamId: string, body: AsyncIterable<Uint8Array>): Promise<void>
  /** Its iterator throws what the writer's body threw, or what the stream was aborted with. To stop reading is to cancel the writer. */
  read(streamId: string): AsyncIterable<Uint8Array>
  /** Ends both sides that are there with `error`. For who learns that the other side will never come, or wants no more of it; nothing happens when it has ended. */
  abort(streamId: string, error: Error): void
}

import { createSeekTable } from '../formats/archive-v1/seek-table.ts'
import type { ByteSink } from './parts-writer.ts'

/** The zstd stream of an archive: frames one after the other, then the seek table. */
export interface PayloadWriter {
  /** Offset of the next frame in the zstd stream. */
  readonly offset: number
  /** Bytes of tar in the frames so far. */
  readonly tarBytes: number
  /** Appends one whole zstd frame that holds `tarBytes` of tar. */
  append(frame: Uint8Array, tarBytes: number): Promise<void>
  end(): Promise<void>
}

export function createPayloadWriter(sink: ByteSink): PayloadWriter {
  const seekTable = createSeekTable()
  let offset = 0
  let total = 0
  return {
    get offset() {
      return offset
    },
    get tarBytes() {
      return total
    },
    async append(frame, tarBytes) {
      seekTable.add(frame.byteLength, tarBytes)
      offset += frame.byteLength
      total += tarBytes
      await sink.write(frame)
    },
    async end() {
      await sink.write(seekTable.encode())
      await sink.end()
    },
  }
}

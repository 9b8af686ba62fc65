import { type EntryFields, entryLine } from '../formats/entry-line.ts'

/** Index lines of a batch, one behind the other, each still open for its `at`. */
export interface LineBuffer {
  /** @returns the bytes of the line */
  put(entry: EntryFields): number
  /** Begins anew, whatever became of the batch before. */
  clear(): void
  /** All that was put, valid until the next line is: who gives it to another thread gives a copy. */
  all(): Uint8Array
}

export function createLineBuffer(): LineBuffer {
  let bytes = Buffer.allocUnsafeSlow(64 * 1024)
  let end = 0
  return {
    put(entry) {
      const line = entryLine(entry)
      // A character takes three bytes at most.
      if (end + 3 * line.length > bytes.byteLength) {
        const larger = Buffer.allocUnsafeSlow(2 * (bytes.byteLength + 3 * line.length))
        bytes.copy(larger, 0, 0, end)
        bytes = larger
      }
      const written = bytes.write(line, end)
      end += written
      return written
    },
    clear() {
      end = 0
    },
    all: () => bytes.subarray(0, end),
  }
}

import { readSync } from 'node:fs'
import type { SparseMap } from '../formats/archive-v1/sparse-map.ts'

/** Reads the data of a file from its begin to its end, holes left out. */
export interface DataReader {
  /** Reads the next `length` bytes, fewer only where the file has become shorter; from there on there is nothing. @throws the system's error */
  read(into: Uint8Array, offset: number, length: number): number
}

/** @param segments where the data is */
export function createDataReader(fd: number, segments: SparseMap): DataReader {
  let current = 0
  let position = segments[0]?.[0] ?? 0
  let ended = false
  return {
    read(into, offset, length) {
      let done = 0
      while (done < length && !ended) {
        const segment = segments[current]
        if (segment === undefined) break
        const left = segment[0] + segment[1] - position
        if (left === 0) {
          current += 1
          position = segments[current]?.[0] ?? 0
          continue
        }
        const got = readSync(fd, into, offset + done, Math.min(length - done, left), position)
        if (got === 0) ended = true
        done += got
        position += got
      }
      return done
    },
  }
}

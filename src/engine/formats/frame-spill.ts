import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import path from 'node:path'

const algorithm = 'chacha20-poly1305'
const tagBytes = 16

/** Keeps frames in the order they are added: in memory up to a limit, then in a file. */
export interface FrameSpill extends Disposable {
  readonly count: number
  /** Copies `frame`. */
  add(frame: Uint8Array): void
  read(index: number): Uint8Array
}

/**
 * The file has no name from the moment it is open, so nothing is left behind however the process ends; and it is always encrypted under a key that
 * exists in this memory only, so the names of an encrypted backup never reach the disk in clear.
 */
export function createFrameSpill(options: { directory: string; memoryLimitBytes: number }): FrameSpill {
  const sizes: number[] = []
  let memory: Uint8Array[] | null = []
  let memoryBytes = 0
  let file: SpillFile | null = null

  function spill(frames: readonly Uint8Array[]): void {
    file ??= openSpillFile(options.directory)
    for (const frame of frames) file.append(frame)
  }

  return {
    get count() {
      return sizes.length
    },
    add(frame) {
      sizes.push(frame.length)
      if (memory === null) {
        spill([frame])
        return
      }
      // A compressor's result is often a small view into a large buffer: keeping the view would keep that.
      memory.push(new Uint8Array(frame))
      memoryBytes += frame.length
      if (memoryBytes <= options.memoryLimitBytes) return
      spill(memory)
      memory = null
    },
    read(index) {
      const size = sizes[index]
      if (size === undefined) throw new RangeError(`there is no frame ${index}`)
      const frame = memory?.[index] ?? file?.read(index, size)
      if (frame === undefined) throw new Error('the frames of this index are gone')
      return frame
    },
    [Symbol.dispose]() {
      memory = null
      file?.close()
      file = null
    },
  }
}

interface SpillFile {
  append(frame: Uint8Array): void
  read(index: number, size: number): Uint8Array
  close(): void
}

function openSpillFile(directory: string): SpillFile {
  const key = randomBytes(32)
  const name = path.join(directory, `.index-${randomBytes(8).toString('hex')}`)
  const fd = openSync(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    unlinkSync(name)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  const offsets: number[] = []
  let end = 0

  return {
    append(frame) {
      const cipher = createCipheriv(algorithm, key, nonceOf(offsets.length), { authTagLength: tagBytes })
      const sealed = Buffer.concat([cipher.update(frame), cipher.final(), cipher.getAuthTag()])
      for (let done = 0; done < sealed.length;) done += writeSync(fd, sealed, done, sealed.length - done, end + done)
      offsets.push(end)
      end += sealed.length
    },
    read(index, size) {
      const sealed = Buffer.allocUnsafe(size + tagBytes)
      for (let done = 0; done < sealed.length;) {
        const got = readSync(fd, sealed, done, sealed.length - done, offsets[index]! + done)
        if (got === 0) throw new Error('the spilled entries index has become shorter')
        done += got
      }
      const decipher = createDecipheriv(algorithm, key, nonceOf(index), { authTagLength: tagBytes })
      decipher.setAuthTag(sealed.subarray(size))
      return Buffer.concat([decipher.update(sealed.subarray(0, size)), decipher.final()])
    },
    close() {
      closeSync(fd)
    },
  }
}

/** Each frame is written once, so its number never repeats under one key. */
function nonceOf(frame: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(frame, 0)
  return nonce
}

import { Blake3Hasher } from '@napi-rs/blake-hash'
import { partName } from '../../core/artifact.ts'
import { mebibyte } from '../../core/pipeline-spec.ts'
import { type ByteChannel, createByteChannel } from '../../lib/byte-channel.ts'
import { requireStored } from '../store-object.ts'
import type { Target } from '../targets/target.ts'
import { createGivenMemory } from './given-memory.ts'

/** Bytes written one after the other. */
export interface ByteSink {
  /** Waits while the place behind is slower. The chunk is given away with the buffer it lies in, which is freed. */
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
}

export interface StoredPart {
  name: string
  size: number
  hash_alg: 'blake3'
  hash: string
}

export interface PartsWriter extends ByteSink {
  /** Stored parts, in order; whole after `end`. */
  readonly parts: readonly StoredPart[]
  readonly storedBytes: number
  /** Gives up what is not stored yet and waits until the target has let go of it. From then on nothing is begun: what is written rejects with `error`. */
  abort(error: unknown): Promise<void>
}

interface OpenPart {
  part: StoredPart
  channel: ByteChannel
  stored: Promise<void>
  hasher: Blake3Hasher
}

/** Between the packer and one part's put. */
const channelBytes = 8 * mebibyte
/** Parts whose bytes are all handed over and which are being made durable while the next is filled. */
const partsFinishing = 2

/**
 * Cuts a stream into parts of exactly `partSizeBytes` (the last one shorter) and puts each into the target while it is made: nothing is staged, and a part needs no
 * more memory than `channelBytes`.
 */
export function createPartsWriter(options: {
  target: Target
  prefix: string
  partSizeBytes: number
  signal: AbortSignal
  onPart: (part: StoredPart) => void
}): PartsWriter {
  const { target, prefix, partSizeBytes, signal, onPart } = options
  const parts: StoredPart[] = []
  const finishing: Promise<void>[] = []
  const memory = createGivenMemory()
  let storedBytes = 0
  let open: OpenPart | null = null
  let aborted: { error: unknown } | null = null

  function openPart(): OpenPart {
    const part: StoredPart = { name: partName(parts.length + 1), size: 0, hash_alg: 'blake3', hash: '' }
    const channel = createByteChannel(channelBytes)
    const stored = store(part, channel)
    stored.catch((error: unknown) => channel.fail(error))
    parts.push(part)
    return { part, channel, stored, hasher: new Blake3Hasher() }
  }

  async function store(part: StoredPart, channel: ByteChannel): Promise<void> {
    const key = `${prefix}/${part.name}`
    const result = await target.put(key, channel, { inPlace: true, onChunkDone: memory.done, signal })
    // A target that answers while the part still grows has not read it to its end, and will not.
    requireStored(target, key, result, open?.part === part ? Infinity : part.size)
  }

  async function closePart(): Promise<void> {
    if (open === null) return
    const { part, channel, stored, hasher } = open
    open = null
    part.hash = hasher.digest('hex')
    channel.end()
    finishing.push(stored.then(() => onPart(part)))
    finishing.at(-1)?.catch(() => {}) // awaited below, maybe after another one failed
    for (; finishing.length > partsFinishing; finishing.shift()) await finishing[0]
  }

  return {
    parts,
    get storedBytes() {
      return storedBytes
    },
    async write(chunk) {
      memory.given(chunk)
      const { byteLength } = chunk
      for (let at = 0; at < byteLength;) {
        if (aborted !== null) throw aborted.error
        open ??= openPart()
        const piece = chunk.subarray(at, at + partSizeBytes - open.part.size)
        // Once it is written the piece may be gone.
        at += piece.byteLength
        open.hasher.update(piece)
        open.part.size += piece.byteLength
        storedBytes += piece.byteLength
        await open.channel.write(piece)
        if (open.part.size === partSizeBytes) await closePart()
      }
    },
    async end() {
      await closePart()
      await Promise.all(finishing)
    },
    async abort(error) {
      aborted ??= { error }
      open?.channel.fail(error)
      await Promise.allSettled([...finishing, open?.stored])
    },
  }
}

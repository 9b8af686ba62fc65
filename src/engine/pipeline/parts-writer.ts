import { Blake3Hasher } from '@napi-rs/blake-hash'
import { partName } from '../../core/artifact.ts'
import { BastionError } from '../../core/errors.ts'
import { mebibyte } from '../../core/pipeline-spec.ts'
import { createByteChannel } from '../../lib/byte-channel.ts'
import { requireStored } from '../store-object.ts'
import { type Body, isReplayable, type Target } from '../targets/target.ts'
import { createKeptPart } from './kept-part.ts'
import { createGivenMemory, type GivenMemory } from './given-memory.ts'

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
  body: PartBody
  stored: Promise<void>
  hasher: Blake3Hasher
}

/** What a part's put reads while the part is filled. */
interface PartBody {
  body: Body
  /** Waits while the put is behind. */
  write(piece: Uint8Array): Promise<void> | void
  end(): void
  fail(error: unknown): void
  /** The put is done. */
  release(): void
}

/** Between the packer and one part's put, for a target that holds pieces. */
const channelBytes = 8 * mebibyte
/** Parts whose bytes are all handed over and which are being made durable while the next is filled. */
const partsFinishing = 2
/** Of all parts that are kept to be sent again, the one being filled included; with larger parts two are. What a client copies on the way out comes to as much again. */
const keptBytes = 64 * mebibyte
const maxKeptPartBytes = 64 * mebibyte

/**
 * Whether parts of that size can be sent to a target without staging them: one that does not hold pieces needs two in memory, one sent while one is filled.
 * @throws invalid_spec
 */
export function requirePartSize(target: Target, partSizeBytes: number): void {
  if (target.features.holdsPieces || partSizeBytes <= maxKeptPartBytes) return
  throw new BastionError(
    'invalid_spec',
    `${target.label} needs parts of at most ${maxKeptPartBytes / mebibyte} MiB: a part is kept in memory until it is stored`,
    {
      details: { part_size_bytes: partSizeBytes },
    },
  )
}

/**
 * Cuts a stream into parts of exactly `partSizeBytes` (the last one shorter) and puts each into the target while it is made: nothing is staged. Where the target holds
 * pieces a part needs no more memory than `channelBytes`; elsewhere it is kept until it is stored, all of them together within `keptBytes`, and one beside the one being filled.
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

  const maxFinishing = target.features.holdsPieces ? partsFinishing : Math.max(1, Math.floor(keptBytes / partSizeBytes) - 1)

  function openPart(): OpenPart {
    const part: StoredPart = { name: partName(parts.length + 1), size: 0, hash_alg: 'blake3', hash: '' }
    const body = target.features.holdsPieces ? passingBody() : keptBody(memory)
    const stored = store(part, body)
    stored.catch((error: unknown) => body.fail(error))
    parts.push(part)
    return { part, body, stored, hasher: new Blake3Hasher() }
  }

  async function store(part: StoredPart, { body, release }: PartBody): Promise<void> {
    const key = `${prefix}/${part.name}`
    const result = await target.put(key, body, { inPlace: true, ...(isReplayable(body) ? {} : { onChunkDone: memory.done }), signal })
    // A target that answers while the part still grows has not read it to its end, and will not.
    requireStored(target, key, result, open?.part === part ? Infinity : part.size)
    release()
  }

  async function closePart(): Promise<void> {
    if (open === null) return
    const { part, body, stored, hasher } = open
    open = null
    part.hash = hasher.digest('hex')
    body.end()
    finishing.push(stored.then(() => onPart(part)))
    finishing.at(-1)?.catch(() => {}) // awaited below, maybe after another one failed
    for (; finishing.length > maxFinishing; finishing.shift()) await finishing[0]
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
        await open.body.write(piece)
        if (open.part.size === partSizeBytes) await closePart()
      }
    },
    async end() {
      await closePart()
      await Promise.all(finishing)
    },
    async abort(error) {
      aborted ??= { error }
      open?.body.fail(error)
      await Promise.allSettled([...finishing, open?.stored])
    },
  }
}

function passingBody(): PartBody {
  const channel = createByteChannel(channelBytes)
  return { body: channel, write: channel.write, end: channel.end, fail: channel.fail, release() {} }
}

function keptBody(memory: GivenMemory): PartBody {
  const part = createKeptPart()
  return { body: part, write: part.add, end: part.end, fail: part.fail, release: () => part.release(memory.done) }
}

import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import type { IndexHeader } from '../../../src/core/entry.ts'
import { BastionError } from '../../../src/core/errors.ts'
import { createIndexWriter } from '../../../src/engine/formats/entries-index-writer.ts'
import { closeEntryLine, entryLine, type EntryFields, type MemberPlace } from '../../../src/engine/formats/entry-line.ts'
import { createSeekTable } from '../../../src/engine/formats/archive-v1/seek-table.ts'
import type { RangeReader } from '../../../src/engine/formats/range-reader.ts'
import type { BytePath } from '../../../src/lib/byte-path.ts'
import { compressFrame } from '../../../src/lib/zstd-frame.ts'

export const header: IndexHeader = {
  v: 1,
  source: { type: 'filesystem', paths: ['/srv'] },
  coverage: [{ path: '/srv', unit: 'ext4:/dev/vda', read: 'live' }],
  snapshot: { mode: 'off', status: 'off' },
  job: { name: 'srv', spec: {} },
}

export function fileFields(bytes: BytePath, extra: Partial<EntryFields> = {}): EntryFields {
  return { path: bytes, kind: 'file', sizeBytes: 1, mode: 0o100644, uid: 0, gid: 0, mtimeNs: 1763690000123456789n, ...extra }
}

export function fileLine(bytes: BytePath, extra: Partial<EntryFields> = {}): string {
  return closeEntryLine(entryLine(fileFields(bytes, extra)), place)
}

export const place: MemberPlace = [0, 0]

export function openLine(bytes: BytePath, extra: Partial<EntryFields> = {}): Uint8Array {
  return Buffer.from(entryLine(fileFields(bytes, extra)))
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await all(chunks))
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** The stored index of some paths, in ascending order, each with a hash of its own. */
export async function storedIndex(paths: Iterable<BytePath>, options: { frameBytes?: number } = {}): Promise<Buffer> {
  await using writer = createIndexWriter({ spillDirectory: tmpdir(), ...options })
  for (const bytes of paths) writer.add(bytes, openLine(bytes, { hash: createHash('sha256').update(bytes).digest('hex') }), place)
  return await collect(writer.finish(header, new Map()))
}

/** An index made of any frames, for what the writer would never write. */
export function forgedIndex(frames: readonly (string | Buffer)[]): Buffer {
  const table = createSeekTable()
  const stored = frames.map((content) => {
    const plain = Buffer.from(content)
    const frame = compressFrame(plain, 1)
    table.add(frame.length, plain.length)
    return frame
  })
  return Buffer.concat([...stored, table.encode()])
}

export interface CountingReader extends RangeReader {
  bytesRead: number
  requests: number
}

export function readerOf(bytes: Buffer): CountingReader {
  return {
    sizeBytes: bytes.length,
    bytesRead: 0,
    requests: 0,
    read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length) return Promise.reject(new BastionError('artifact_damaged', 'out of range'))
      this.bytesRead += length
      this.requests += 1
      return Promise.resolve(bytes.subarray(offset, offset + length))
    },
    stream() {
      throw new Error('not used')
    },
  }
}

/** A path of one to four names of any bytes but "/" and zero, "." and ".." left out. */
export const anyPath: fc.Arbitrary<BytePath> = fc
  .array(
    fc
      .oneof(
        fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '0'), minLength: 1, maxLength: 3 }),
        fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll(/[/\0]/g, '_')),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }).map((text) => Buffer.from(text).toString('latin1').replaceAll(/[/\0]/g, '_')),
      )
      .filter((name) => name !== '.' && name !== '..'),
    { minLength: 1, maxLength: 4 },
  )
  .map((names) => names.join('/'))

/** Paths in ascending byte order, each once. */
export const anyPaths: fc.Arbitrary<BytePath[]> = fc.uniqueArray(anyPath, { maxLength: 60 }).map((paths) => paths.sort())

export interface EmptyFolder extends AsyncDisposable {
  path: string
  names(): Promise<string[]>
}

export async function emptyFolder(): Promise<EmptyFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastion-index-'))
  return {
    path: folder,
    names: () => readdir(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

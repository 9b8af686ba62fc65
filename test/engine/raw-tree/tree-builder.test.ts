import {
  appendFileSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openFile } from '../../../src/engine/pipeline/read-file.ts'
import { pieceBytes, readPieces, SourceShrankError } from '../../../src/engine/pipeline/read-pieces.ts'
import { createSourceTools } from '../../../src/engine/pipeline/source-tools.ts'
import { createTreeBuilder } from '../../../src/engine/pipeline/tree-builder.ts'
import { createTreeHome } from '../../../src/engine/pipeline/tree-home.ts'
import type { TreeItem, TreePacked } from '../../../src/engine/pipeline/tree-protocol.ts'
import { type FileStat, fileStatWords } from '../../../src/lib/file-stat.ts'
import { createTimeSetter } from '../../../src/lib/posix-times.ts'
import { sampleBytes } from '../../support/age-samples.ts'
import { blake3Of } from '../../support/engine.ts'
import { sourceTree } from '../../support/source-tree.ts'
import { workFolder } from '../../support/work-folder.ts'

const wholeBytes = 64 * 1024
const names = { user: () => undefined, group: () => undefined }
const tools = { ...createSourceTools(), names }
const { stater } = tools
const times = createTimeSetter()

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0
let at: string
let rootFd: number
let stopped: Int32Array

beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

beforeEach(() => {
  at = path.join(work.path, String(++count))
  mkdirSync(path.join(at, 'run'), { recursive: true })
  rootFd = openSync(path.join(at, 'run'), constants.O_RDONLY | constants.O_DIRECTORY)
  stopped = new Int32Array(new SharedArrayBuffer(4))
})
afterEach(() => closeSync(rootFd))

function builder() {
  return createTreeBuilder({ wholeBytes, tools, home: createTreeHome({ rootFd, label: 'the target', tools, stopped }) })
}

function aFile(content: Uint8Array | string): string {
  return `${sourceTree(path.join(at, 'source')).file('file', content).finish().root}/file`
}

function itemOf(file: string, over: Partial<TreeItem> = {}): TreeItem {
  return { path: file.slice(1), kind: 'file', sizeBytes: lstatSync(file).size, ...over }
}

function pack(items: TreeItem[], listed?: FileStat, by = builder()): (TreePacked & { line: string })[] {
  const stats = new Uint32Array(items.length * fileStatWords)
  if (listed !== undefined) stats.set(listed.words)
  const built = by.build(items, stats)
  let lineAt = 0
  return built.items.map((packed) => ({ ...packed, line: Buffer.from(built.lines.subarray(lineAt, (lineAt += packed.lineBytes))).toString() }))
}

/** As if it had been written at a time to come: whoever reads it before then must think that it still may change. */
function writtenIn(file: string, ms: number): void {
  times.setByPath(file, BigInt(Date.now() + ms) * 1_000_000n)
}

const stored = (file: string) => path.join(at, 'run/data', file)
const leftIn = (file: string) => readdirSync(path.dirname(stored(file)))

describe('a file', () => {
  test.each([0, 1, wholeBytes - 1, wholeBytes, wholeBytes + 1, pieceBytes, 3 * pieceBytes + 5])('of %i bytes stands in the tree as it is', (size) => {
    const content = sampleBytes(size)
    const file = aFile(content)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    const [packed] = pack([itemOf(file)], stater.byPath(file, false).copy())
    expect(packed).toMatchObject({ contentBytes: size, grade: expect.stringMatching(/stable|per_file/) })
    expect(JSON.parse(`${packed!.line}}`)).toMatchObject({
      size,
      hash: blake3Of(content),
      mtime_ns: String(lstatSync(file, { bigint: true }).mtimeNs),
    })
    expect(readFileSync(stored(file)).equals(content)).toBe(true)
  })

  test('that may still have been written when it was read is read again until it is stable', () => {
    const file = aFile('content')
    writtenIn(file, 300)
    expect(pack([itemOf(file)])[0]).toMatchObject({ retried: true, grade: 'stable' })
    expect(readFileSync(stored(file), 'utf8')).toBe('content')
  })

  test('that has outgrown what is read whole since it was listed is stored to its end', () => {
    const file = aFile('small when it was listed')
    const listed = stater.byPath(file, false).copy()
    const item = itemOf(file)
    const grown = sampleBytes(5 * wholeBytes)
    writeFileSync(file, grown)
    times.setByPath(file, 0n)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    expect(pack([item], listed)[0]).toMatchObject({ contentBytes: grown.length, grade: 'stable' })
    expect(readFileSync(stored(file)).equals(grown)).toBe(true)
  })

  test.each([100, 3 * wholeBytes])('of %i bytes that is stored once more takes the place of its first copy, and its links with it', (size) => {
    const by = builder()
    const file = aFile(sampleBytes(size))
    const link = `${file} too`
    linkSync(file, link)
    writtenIn(file, 50_000)
    const linkId = stater.byPath(file, false).fileId
    const first = itemOf(file, { group: 'h1', linkId })
    const second = itemOf(link, { kind: 'hardlink', group: 'h1', linkId, primary: file.slice(1) })
    expect(pack([first, second], undefined, by)).toMatchObject([{ holdsGroup: true, finding: { verdict: 'changed' } }, { kind: 'hardlink' }])
    expect(lstatSync(stored(file)).nlink).toBe(2)

    const later = sampleBytes(size + 10)
    writeFileSync(file, later)
    times.setByPath(file, 1n)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    const inode = { mode: 0o100644, uid: 0, gid: 0, mtimeNs: 1n }
    const [again] = pack([{ ...first, sizeBytes: size + 10, supersedes: true }], undefined, by)
    pack([{ ...second, inode, supersedes: true }], undefined, by)
    expect(again).toMatchObject({ grade: 'stable', contentBytes: size + 10 })
    expect(again!.line).not.toContain('supersedes')
    for (const name of [file, link]) expect(readFileSync(stored(name)).equals(later)).toBe(true)
    expect(lstatSync(stored(file)).ino).toBe(lstatSync(stored(link)).ino)
    expect(leftIn(file)).toEqual(['file', 'file too'])
  })

  test('that is gone when it is to be stored once more stands as it was', () => {
    const by = builder()
    const file = aFile('content')
    writtenIn(file, 50_000)
    const item = itemOf(file)
    pack([item], undefined, by)
    unlinkSync(file)
    expect(pack([{ ...item, supersedes: true }], undefined, by)).toMatchObject([{ lineBytes: 0, finding: { verdict: 'deleted' } }])
    expect(readFileSync(stored(file), 'utf8')).toBe('content')
    expect(leftIn(file)).toEqual(['file'])
  })

  test('on its way when the run is stopped leaves nothing', () => {
    const file = aFile(sampleBytes(3 * pieceBytes))
    Atomics.store(stopped, 0, 1)
    expect(() => pack([itemOf(file)])).toThrow(/has ended/)
    expect(leftIn(file)).toEqual([])
  })
})

describe('a file that is read piece by piece', () => {
  function piecesOf(content: Uint8Array, fillUp: boolean) {
    const file = aFile(content)
    const ref = { path: file.slice(1), physical: file, followed: false, frozen: false }
    const source = openFile(ref, stater)
    if (!('fd' in source)) throw new Error('it cannot be opened')
    return { file, source, pieces: readPieces(source, ref, { takeBuffer: () => Buffer.alloc(pieceBytes), fillUp }) }
  }

  test('and shrinks is given up, to be begun anew', () => {
    const { file, source, pieces } = piecesOf(sampleBytes(3 * pieceBytes), false)
    using _ = source
    expect(() => {
      for (const piece of pieces) truncateSync(file, piece.length + 5)
    }).toThrow(SourceShrankError)
  })

  test('and shrinks the last time is filled up with zeros, which the hash is of', () => {
    const content = sampleBytes(3 * pieceBytes)
    const { file, source, pieces } = piecesOf(content, true)
    using _ = source
    const got = []
    for (const piece of pieces) {
      got.push(piece)
      truncateSync(file, pieceBytes + 5)
    }
    const all = Buffer.concat(got)
    expect(all.equals(Buffer.concat([content.subarray(0, pieceBytes + 5), Buffer.alloc(2 * pieceBytes - 5)]))).toBe(true)
    expect(pieces.end()).toEqual({ hash: blake3Of(all), readBytes: pieceBytes + 5, failure: null })
  })

  test('and grows is cut at the size it was opened with', () => {
    const content = sampleBytes(2 * pieceBytes)
    const { file, source, pieces } = piecesOf(content, true)
    using _ = source
    const got = []
    for (const piece of pieces) {
      got.push(piece)
      appendFileSync(file, 'more')
    }
    expect(Buffer.concat(got).equals(content)).toBe(true)
    expect(pieces.end()).toMatchObject({ readBytes: content.length, hash: blake3Of(content) })
  })
})

import { setTimeout as after } from 'node:timers/promises'
import type { Entry } from '../../core/entry.ts'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, fromPathText, pathText, toBytePath } from '../../lib/byte-path.ts'
import { createNameSet, type NameSet } from '../../lib/name-set.ts'
import { entryLine } from '../formats/entry-line.ts'
import { ownName } from '../formats/raw-tree-v1/object-name.ts'
import { requireStored } from '../store-object.ts'
import type { Target, TreeMetadata } from '../targets/target.ts'
import { fileFields, readXattrs } from './entry-metadata.ts'
import { hasHoles } from './has-holes.ts'
import { createGivenMemory } from './given-memory.ts'
import { gradeOf, mustNotSupersede, notStored, packedFile, replacedFinding } from './packed-item.ts'
import { openFile } from './read-file.ts'
import { maxSendings, pieceBytes, readPieces, SourceShrankError } from './read-pieces.ts'
import type { SourceTools } from './source-tools.ts'
import { treeMetadataOf } from './tree-metadata.ts'
import type { TreeAnswer, TreeItem, TreePacked } from './tree-protocol.ts'

/** Stores what the threads have read, file by file, where the target is not a folder of this machine. */
export interface TreeObjects {
  /** The contents of a batch and, where the target can hold them, its directories and links. `packed.object` is told where one does not stand under its own name. */
  storeBatch(items: readonly TreeItem[], answer: Extract<TreeAnswer, { kind: 'entries' }>): Promise<void>
  /** A file that is too large to be read whole: streamed, hashed on the way. */
  storeLarge(item: TreeItem): Promise<{ packed: TreePacked; line: Uint8Array }>
  /** Keys, as bytes, of hard links that were made for real. */
  readonly links: NameSet
  /** Resolves when nothing is being put any more, whatever became of it. Nothing is begun after it was called. */
  abort(error: unknown): Promise<void>
}

/** Requests at the same time: most of a small file's is waiting. */
const concurrentPuts = 16
/** Of those, files that are streamed, by their bytes: of each a client may hold as much as its window. One is always sent. */
const streamedBytes = 48 * 1024 * 1024
const windowBytes = 32 * 1024 * 1024
/** Before a file is sent again whose sending failed for a reason that may pass, in milliseconds. */
const resendWaitsMs = [1000, 10_000]

/** @param options.objectOf where a file with more names stands, if not under its own */
export function createTreeObjects(options: {
  target: Target
  prefix: string
  tools: SourceTools
  signal: AbortSignal
  elsewhere: ReadonlyMap<BytePath, string | null>
}): TreeObjects {
  const { target, prefix, tools } = options
  const { tree } = target
  const aborting = new AbortController()
  const signal = AbortSignal.any([options.signal, aborting.signal])
  const underWay = new Set<Promise<unknown>>()
  const links = createNameSet()
  let places = concurrentPuts
  const waiting: (() => void)[] = []
  let largeBytes = 0
  const waitingLarge: (() => void)[] = []

  /** Runs with at most so many others; once aborted nothing is begun. */
  async function limited<T>(work: () => Promise<T>): Promise<T> {
    while (places === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    places -= 1
    const running = signal.aborted ? Promise.reject<T>(signal.reason as Error) : work()
    underWay.add(running)
    try {
      return await running
    } finally {
      underWay.delete(running)
      places += 1
      waiting.shift()?.()
    }
  }

  /** Waits until there is memory for one more file that is streamed. */
  async function largeTurn(sizeBytes: number): Promise<Disposable> {
    const bytes = Math.min(sizeBytes, windowBytes)
    while (largeBytes > 0 && largeBytes + bytes > streamedBytes) await new Promise<void>((resolve) => waitingLarge.push(resolve))
    largeBytes += bytes
    return {
      [Symbol.dispose]() {
        largeBytes -= bytes
        for (const wake of waitingLarge.splice(0)) wake()
      },
    }
  }

  function keyOf(path: BytePath, object: string | null | undefined): string {
    return `${prefix}/${object ?? pathText(ownName(path)).text}`
  }

  /** Nobody reads the tree before its marker stands, so a new file need not appear at once. */
  async function put(
    item: TreeItem,
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    how: { sizeBytes: number; metadata?: TreeMetadata; onChunkDone?: (chunk: Uint8Array) => void },
  ): Promise<void> {
    const putOptions = { ...how, inPlace: item.supersedes !== true, signal }
    requireStored(target, key, await target.put(key, body, putOptions), how.sizeBytes)
  }

  /** What an index line says goes for the thing itself too. */
  async function describe(key: string, line: Entry): Promise<void> {
    await tree?.setMetadata(key, treeMetadataOf(line))
  }

  /** @returns whether it stands where its own name says */
  async function make(item: TreeItem, line: Entry): Promise<boolean> {
    const key = keyOf(item.path, undefined)
    if (line.kind === 'dir') return tree!.makeDirectory(key)
    if (line.kind === 'symlink') {
      const isMade = await tree!.symlink(key, fromPathText(line.target!, line.target_b64))
      if (isMade) await describe(key, line)
      return isMade
    }
    if (line.kind !== 'hardlink') return false
    const existing = fromPathText(line.target!, line.target_b64)
    if (item.supersedes === true) await target.remove(key)
    const isMade = await tree!.link(key, keyOf(existing, options.elsewhere.get(existing)))
    if (isMade) links.add(toBytePath(key))
    return isMade
  }

  return {
    links,

    async storeBatch(items, { items: packedItems, lines, contents }) {
      const afterwards: (() => Promise<void>)[] = []
      const begun: Promise<void>[] = []
      let lineAt = 0
      for (const [i, packed] of packedItems.entries()) {
        const item = items[i]!
        const line = lines.subarray(lineAt, (lineAt += packed.lineBytes))
        if (packed.lineBytes === 0) continue
        if (packed.kind === 'file') {
          const key = keyOf(item.path, packed.object)
          begun.push(
            limited(async () => {
              const metadata = tree === undefined ? {} : { metadata: treeMetadataOf(parseOpenLine(line)) }
              const { contentAt, contentBytes: sizeBytes } = packed
              await put(item, key, contents.subarray(contentAt, contentAt + sizeBytes), { sizeBytes, ...metadata })
            }),
          )
        } else if (tree !== undefined && item.object !== null) {
          const work = () =>
            limited(async () => {
              if (!(await make(item, parseOpenLine(line)))) packed.object = null
            })
          // The file they are names of may be in this batch.
          if (packed.kind === 'hardlink') afterwards.push(work)
          else begun.push(work())
        }
      }
      await allOf(begun)
      await allOf(afterwards.map((work) => work()))
    },

    async storeLarge(item) {
      using _turn = await largeTurn(item.sizeBytes)
      return await limited(async () => {
        const file = {
          path: item.path,
          physical: item.physical ?? `/${item.path}`,
          followed: item.followed === true,
          frozen: item.frozen !== undefined,
        }
        const key = keyOf(item.path, item.object)
        let hasShrunk = false
        for (let sending = 1; ; sending++) {
          const opened = openFile(file, tools.stater)
          if (!('fd' in opened)) return { packed: { ...notStored(item, opened), contentAt: -1 }, line: noLine }
          using source = opened
          const { before } = source
          const holdsGroup = item.group !== undefined && before.fileId === item.linkId
          if (mustNotSupersede(item, holdsGroup)) {
            return { packed: { ...notStored(item, { finding: replacedFinding(item) }), contentAt: -1 }, line: noLine }
          }
          const memory = createGivenMemory()
          const pieces = readPieces(source, file, { takeBuffer: () => Buffer.allocUnsafeSlow(pieceBytes), fillUp: sending === maxSendings })
          try {
            await put(item, key, inTurns(pieces, memory.given), { sizeBytes: before.size, onChunkDone: memory.done })
          } catch (error) {
            const isShrunk = error instanceof SourceShrankError
            const mayPass = error instanceof BastionError && error.retryable && sending < maxSendings
            if (signal.aborted || !(isShrunk || mayPass)) throw error
            hasShrunk ||= isShrunk
            if (!isShrunk) await after(resendWaitsMs[sending - 1], undefined, { signal })
            continue
          }
          const { hash, readBytes, failure } = pieces.end()
          const finding = failure?.finding ?? source.finding(readBytes)
          const fields = fileFields(item, before, before.size, tools)
          const attributes = readXattrs(tools, source.fd, item)
          fields.xattrs = attributes.xattrs
          fields.supersedes = undefined
          fields.hash = hash
          if (typeof item.object === 'string') fields.object = item.object
          fields.grade = gradeOf(item.frozen, finding, before.size, readBytes)
          if (holdsGroup) fields.hardlinkGroup = item.group
          if (failure !== null) fields.flags = ['read_error']
          else if (hasShrunk && finding === null) fields.flags = ['retried']
          const line = Buffer.from(entryLine(hasHoles(tools, source.fd, before) ? { ...fields, sparse: true } : fields))
          if (tree !== undefined) await describe(key, parseOpenLine(line))
          const packed: TreePacked = { ...packedFile(fields, 0, line.byteLength, fields.sizeBytes), contentAt: -1 }
          if (fields.object !== undefined) packed.object = fields.object
          if (finding !== null) packed.finding = finding
          const error = failure?.error ?? attributes.problem
          if (error !== undefined) packed.error = error
          return { packed, line }
        }
      })
    },

    async abort(error) {
      aborting.abort(error)
      await Promise.allSettled(underWay)
    },
  }
}

const noLine = new Uint8Array()

/** Reading is done by calls that block; others get their turn between two. */
async function* inTurns(pieces: Iterable<Uint8Array>, onPiece: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    onPiece(piece)
    yield piece
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function parseOpenLine(line: Uint8Array): Entry {
  return JSON.parse(`${Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString()}}`) as Entry
}

/** Waits for all, then tells the first that failed: nothing goes on behind the back of who asked. */
async function allOf(running: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(running)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason as Error
}

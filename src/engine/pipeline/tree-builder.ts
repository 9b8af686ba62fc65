import { closeSync } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, fsPath } from '../../lib/byte-path.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import type { EntryFields } from '../formats/entry-line.ts'
import { oddName } from '../formats/raw-tree-v1/object-name.ts'
import { type FileFields, fileFields, metadataOf, readXattrs } from './entry-metadata.ts'
import { isWithinGranularity } from './fingerprint.ts'
import { hasHoles } from './has-holes.ts'
import { createLineBuffer } from './line-buffer.ts'
import { openSourceFile } from './open-source-file.ts'
import type { InodeFacts } from './pack-protocol.ts'
import { batchPacker, type EntryPacker } from './pack-batch.ts'
import { gradeOf, mustNotSupersede, notStored, packedFile, replacedFinding } from './packed-item.ts'
import { createRetryWaits } from './read-again.ts'
import { type FileRef, openFile, readErrorOf, readFully } from './read-file.ts'
import type { SourceTools } from './source-tools.ts'
import type { NotStored, StoredFile, TreeHome } from './tree-home.ts'
import type { TreeItem, TreePacked } from './tree-protocol.ts'

export interface TreeBuilder {
  /** Packs the items one after the other. The bytes are valid until the next call. @param stats see `TreeTask` */
  build(items: readonly TreeItem[], stats: Uint32Array): { items: TreePacked[]; lines: Uint8Array; contents: Uint8Array }
}

type Stored = Omit<TreePacked, 'contentAt'>

/**
 * Packs entries of a tree in a worker thread: stat, open, read, hash, compare, and store where a tree is open. A file that changed while it was read is read again, and
 * stored when it is whole.
 * @param home where entries are stored; null: contents are given back
 */
export function createTreeBuilder(options: { wholeBytes: number; home: TreeHome | null; tools: SourceTools }): TreeBuilder {
  const { wholeBytes, home, tools } = options
  const { stater } = tools
  const hasher = new Blake3Hasher()
  const waitToRetry = createRetryWaits()
  let contents = Buffer.allocUnsafeSlow(wholeBytes + 64 * 1024)
  let end = 0
  const lines = createLineBuffer()

  /** Room for `bytes` of content; what is stored at once needs it once only. */
  function reserve(bytes: number): void {
    if (home !== null) end = 0
    if (end + bytes <= contents.byteLength) return
    const larger = Buffer.allocUnsafeSlow(Math.max(contents.byteLength * 2, end + bytes))
    contents.copy(larger, 0, 0, end)
    contents = larger
  }

  function packFile(item: TreeItem, file: FileRef, listed: FileStat | null): Stored {
    if (listed === null) return packWatched(item, file)
    const clone = listed.size > 0 ? (home?.clone(item, file, listed) ?? null) : null
    if (clone !== null) return asStored(item, clone)
    return (listed.size > wholeBytes ? null : packAsListed(item, file, listed)) ?? packWatched(item, file)
  }

  /** Reads a file and asks only then whether it is still what was listed: nearly every file is. `null` when it is not. */
  function packAsListed(item: TreeItem, file: FileRef, listed: FileStat): Stored | null {
    const { size } = listed
    let fd: number
    try {
      fd = openSourceFile(file.physical, file.followed)
    } catch {
      return null // the other way tells why
    }
    reserve(size)
    let attributes: ReturnType<typeof readXattrs>
    let sparse: boolean
    try {
      const openedAtMs = Date.now()
      const got = readFully(fd, contents, end, size, 0)
      attributes = readXattrs(tools, fd, item)
      sparse = hasHoles(tools, fd, listed)
      if (got !== size || !stater.byHandle(fd).isSame(listed) || isWithinGranularity(listed, openedAtMs)) return null
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
      return null
    } finally {
      closeSync(fd)
    }
    const fields = fileFields(item, listed, size, tools)
    fields.xattrs = attributes.xattrs
    fields.hardlinkGroup = item.group
    fields.grade = gradeOf(item.frozen, null, size, size)
    return withProblem(keep(item, fields, sparse), attributes)
  }

  /** Looks at a file before and after it is read, and reads it again when it changed. */
  function packWatched(item: TreeItem, file: FileRef): Stored {
    for (let attempt = 0; ; attempt++) {
      const opened = openFile(file, stater)
      if (!('fd' in opened)) return notStored(item, opened)
      using source = opened
      const { before } = source
      const holdsGroup = item.group !== undefined && before.fileId === item.linkId
      if (mustNotSupersede(item, holdsGroup)) return notStored(item, { finding: replacedFinding(item) })
      if (home !== null && before.size > wholeBytes) return asStored(item, home.storeLarge(item, file))
      // What has outgrown it by now is cut; the settle pass takes it whole.
      const size = Math.min(before.size, wholeBytes)
      reserve(size)
      let finding: ReturnType<typeof source.finding>
      let got: number
      let attributes: ReturnType<typeof readXattrs>
      try {
        got = readFully(source.fd, contents, end, size, 0)
        attributes = readXattrs(tools, source.fd, item)
        finding = source.finding(got)
      } catch (error) {
        if (error instanceof BastionError) throw error
        return notStored(item, readErrorOf(file, error))
      }
      const isWorthWaiting = finding !== null && finding.verdict !== 'deleted' && before.size === size
      if (isWorthWaiting && waitToRetry(attempt)) continue

      contents.fill(0, end + got, end + size)
      const fields = fileFields(item, before, size, tools)
      fields.xattrs = attributes.xattrs
      if (holdsGroup) fields.hardlinkGroup = item.group
      fields.grade = gradeOf(item.frozen, finding, size, got)
      if (attempt > 0 && finding === null) fields.flags = ['retried']
      const packed = withProblem(keep(item, fields, hasHoles(tools, source.fd, before)), attributes)
      if (finding !== null) packed.finding = finding
      return packed
    }
  }

  function asStored(item: TreeItem, stored: StoredFile | NotStored): Stored {
    if (!('fields' in stored)) return notStored(item, stored)
    const { fields, sparse, ...told } = stored
    return { ...finish(item, fields, sparse), ...told }
  }

  /** Stores, or leaves for the caller, the content at `end`. */
  function keep(item: TreeItem, fields: FileFields, sparse: boolean): Stored {
    const bytes = contents.subarray(end, end + fields.sizeBytes)
    hasher.reset()
    fields.hash = hasher.update(bytes).digest('hex')
    if (home !== null) home.store(item, fields, bytes, sparse)
    else if (typeof item.object === 'string') fields.object = item.object
    return finish(item, fields, sparse)
  }

  function finish(item: TreeItem, fields: FileFields, sparse: boolean): Stored {
    // There is one file at its place, whatever came before.
    fields.supersedes = undefined
    const packed: Stored = packedFile(fields, 0, lines.put(sparse ? { ...fields, sparse } : fields), fields.sizeBytes)
    if (fields.object !== undefined) packed.object = fields.object
    if (item.group !== undefined) home?.remember(item.path, fields.object)
    return packed
  }

  function packOther(item: TreeItem, facts: InodeFacts, link?: BytePath, device?: EntryFields['device']): Stored {
    const { path, kind } = item
    const isThere = home === null || item.object === null || home.make(item, facts, link)
    const attributes = kind === 'hardlink' ? {} : readXattrs(tools, fsPath(item.physical ?? `/${path}`))
    const lineBytes = lines.put({
      path,
      kind,
      ...metadataOf(facts, tools),
      xattrs: attributes.xattrs,
      ...(link === undefined ? {} : { target: link }),
      ...(device === undefined ? {} : { device }),
      ...(item.group === undefined ? {} : { hardlinkGroup: item.group }),
    })
    return withProblem({ lineBytes, skip: -1, kind, contentBytes: 0, grade: null, ...(isThere ? {} : { object: null }) }, attributes)
  }

  const packer: EntryPacker<TreeItem, Stored> = {
    stater,
    packFile,
    packOther,
    asFile: (item) => ({ ...item, kind: 'file', sizeBytes: 0, ...(item.object === null ? { object: oddName(item.path) } : {}) }),
  }
  return {
    build(items, stats) {
      end = 0
      lines.clear()
      const pack = batchPacker(stats, packer)
      const packed = items.map((item, i): TreePacked => {
        const done = pack(item, i)
        const contentAt = home === null && done.kind === 'file' && done.lineBytes > 0 ? end : -1
        if (contentAt >= 0) end += done.contentBytes
        return { ...done, contentAt }
      })
      home?.forget()
      return { items: packed, lines: lines.all(), contents: contents.subarray(0, home === null ? end : 0) }
    },
  }
}

/** What could not be read of an entry beside its content is an issue all the same. */
function withProblem(packed: Stored, { problem }: ReturnType<typeof readXattrs>): Stored {
  return problem === undefined ? packed : { ...packed, error: problem }
}

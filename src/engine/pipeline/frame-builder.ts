import { closeSync } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, fsPath } from '../../lib/byte-path.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import { encodeSparseMap, type TarMember, tarHeaderBound, tarPadding, writeTarHeader } from '../formats/archive-v1/tar-header.ts'
import type { EntryFields } from '../formats/entry-line.ts'
import { type FileFields, fileFields, findData, memberOf, metadataOf, readXattrs } from './entry-metadata.ts'
import { isWithinGranularity } from './fingerprint.ts'
import { createLineBuffer } from './line-buffer.ts'
import { openSourceFile } from './open-source-file.ts'
import { batchPacker, type EntryPacker } from './pack-batch.ts'
import { createDataReader } from './read-data.ts'
import type { InodeFacts, PackedItem, PackItem } from './pack-protocol.ts'
import { gradeOf, mustNotSupersede, notStored, packedFile, replacedFinding } from './packed-item.ts'
import { createRetryWaits } from './read-again.ts'
import { type FileRef, openFile, readErrorOf, readFully } from './read-file.ts'
import type { SourceTools } from './source-tools.ts'

type Problem = NonNullable<PackedItem['error']>

export interface FrameBuilder {
  /** Packs the items as tar members, one after the other. The bytes are valid until the next call. @param stats see {@link PackTask} */
  build(items: readonly PackItem[], stats: Uint32Array): { tar: Uint8Array; items: PackedItem[]; lines: Uint8Array }
}

/**
 * Makes the tar bytes of one frame from whole entries, in a worker thread: stat, open, header, read, hash, compare. A file that changed while it was read is read
 * again over its own bytes, so its header and its content are of one state.
 * @param frameBytes nominal size of a frame; what files have grown beyond it since they were listed is cut
 */
export function createFrameBuilder(frameBytes: number, tools: SourceTools): FrameBuilder {
  const { stater } = tools
  const hasher = new Blake3Hasher()
  const waitToRetry = createRetryWaits()
  let tar = Buffer.allocUnsafeSlow(frameBytes + 64 * 1024)
  let end = 0
  const lines = createLineBuffer()

  function reserve(bytes: number): void {
    if (end + bytes <= tar.byteLength) return
    const larger = Buffer.allocUnsafeSlow(Math.max(tar.byteLength * 2, end + bytes))
    tar.copy(larger, 0, 0, end)
    tar = larger
  }

  function pad(bytes: number): void {
    tar.fill(0, end, end + bytes)
    end += bytes
  }

  function packFile(item: PackItem, file: FileRef, listed: FileStat | null): PackedItem {
    return (listed === null ? null : packAsListed(item, file, listed)) ?? packWatched(item, file)
  }

  /** Reads a file and asks only then whether it is still what was listed: nearly every file is, and is spared two calls of the system. `null` when it is not. */
  function packAsListed(item: PackItem, file: FileRef, listed: FileStat): PackedItem | null {
    const start = end
    const { size } = listed
    let fd: number
    try {
      fd = openSourceFile(file.physical, file.followed)
    } catch {
      return null // the other way tells why
    }
    try {
      const openedAtMs = Date.now()
      const fields = fileFields(item, listed, size, tools)
      const about = lookInto(fd, listed, fields, item)
      const { dataStart, dataBytes } = putHeader(fields)
      const got = readData(fd, fields, dataStart, dataBytes)
      if (got === dataBytes && stater.byHandle(fd).isSame(listed) && !isWithinGranularity(listed, openedAtMs)) {
        fields.hardlinkGroup = item.group
        fields.grade = gradeOf(item.frozen, null, size, size)
        return finish(fields, start, dataStart, dataBytes, about)
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    } finally {
      closeSync(fd)
    }
    return null
  }

  /** Looks at a file before and after it is read, and reads it again when it changed. */
  function packWatched(item: PackItem, file: FileRef): PackedItem {
    const start = end
    for (let attempt = 0; ; attempt++) {
      end = start
      const opened = openFile(file, stater)
      if (!('fd' in opened)) return notStored(item, opened)
      using source = opened
      const { before } = source
      const holdsGroup = item.group !== undefined && before.fileId === item.linkId
      if (mustNotSupersede(item, holdsGroup)) return notStored(item, { finding: replacedFinding(item) })
      const size = Math.min(before.size, Math.max(item.sizeBytes, frameBytes - start))
      const fields = fileFields(item, before, size, tools)
      const about = size === before.size ? lookInto(source.fd, before, fields, item) : lookAtXattrs(source.fd, fields, item)
      const { dataStart, dataBytes } = putHeader(fields)
      let finding: ConsistencyFinding | null
      let got: number
      try {
        got = readData(source.fd, fields, dataStart, dataBytes)
        finding = source.finding(size - (dataBytes - got))
      } catch (error) {
        if (error instanceof BastionError) throw error
        end = start
        return notStored(item, readErrorOf(file, error))
      }
      // What is gone does not come back, and what has outgrown the frame does not shrink: the settle pass takes it whole.
      const isWorthWaiting = finding !== null && finding.verdict !== 'deleted' && before.size === size
      if (isWorthWaiting && waitToRetry(attempt)) continue

      tar.fill(0, dataStart + got, dataStart + dataBytes)
      if (holdsGroup) fields.hardlinkGroup = item.group
      fields.grade = gradeOf(item.frozen, finding, size, size - (dataBytes - got))
      if (attempt > 0 && finding === null) fields.flags = ['retried']
      const packed = finish(fields, start, dataStart, dataBytes, about)
      if (finding !== null) packed.finding = finding
      return packed
    }
  }

  /** Adds its extended attributes and its holes to what is said of a file. @returns what could not be read */
  function lookInto(fd: number, stat: FileStat, fields: FileFields, item: PackItem): Problem | undefined {
    const map = findData(tools, fd, stat)
    if (map !== null) fields.sparse = { map, realSizeBytes: stat.size }
    return lookAtXattrs(fd, fields, item)
  }

  function lookAtXattrs(of: number, fields: EntryFields, item: PackItem): Problem | undefined {
    const { xattrs, problem } = readXattrs(tools, of, item)
    fields.xattrs = xattrs
    return problem
  }

  /** @returns where the data goes; there is room for it and its padding */
  function putHeader(fields: FileFields): { dataStart: number; dataBytes: number } {
    const member = memberOf(fields)
    reserve(tarHeaderBound(member) + member.sizeBytes + 512)
    return { dataStart: writeTarHeader(tar, end, member), dataBytes: member.sizeBytes }
  }

  function readData(fd: number, { sparse }: FileFields, dataStart: number, dataBytes: number): number {
    return sparse === undefined ? readFully(fd, tar, dataStart, dataBytes, 0) : createDataReader(fd, sparse.map).read(tar, dataStart, dataBytes)
  }

  /** Once header and data are there. @param problem what of it could not be read beside its data */
  function finish(fields: FileFields, start: number, dataStart: number, dataBytes: number, problem: Problem | undefined): PackedItem {
    end = dataStart + dataBytes
    hasher.reset()
    if (fields.sparse !== undefined) hasher.update(encodeSparseMap(fields.sparse.map, fields.sparse.realSizeBytes))
    fields.hash = hasher.update(tar.subarray(dataStart, end)).digest('hex')
    pad(tarPadding(dataBytes))
    const packed = packedFile(fields, start, lines.put(fields), dataBytes)
    if (problem !== undefined) packed.error = problem
    return packed
  }

  function packOther(item: PackItem, facts: InodeFacts, link?: BytePath, device?: TarMember['device']): PackedItem {
    const start = end
    const { path } = item
    const metadata: Pick<EntryFields, 'mode' | 'uid' | 'gid' | 'user' | 'group' | 'mtimeNs' | 'xattrs'> = metadataOf(facts, tools)
    // What a link shares with its file the file says.
    const { xattrs, problem } = item.kind === 'hardlink' ? {} : readXattrs(tools, fsPath(item.physical ?? `/${path}`))
    metadata.xattrs = xattrs
    const kind = item.kind as TarMember['kind']
    if (item.kind !== 'socket') {
      const member: TarMember = {
        path,
        kind,
        sizeBytes: 0,
        ...metadata,
        ...(link === undefined ? {} : { linkPath: link }),
        ...(device === undefined ? {} : { device }),
      }
      reserve(tarHeaderBound(member))
      end = writeTarHeader(tar, end, member)
    }
    const lineBytes = lines.put({
      path,
      kind: item.kind,
      ...metadata,
      ...(link === undefined ? {} : { target: link }),
      ...(device === undefined ? {} : { device }),
      ...(item.group === undefined ? {} : { hardlinkGroup: item.group }),
      ...(item.supersedes ? { supersedes: true } : {}),
    })
    // A socket has no place in tar: it lives in the index only.
    const packed: PackedItem = { lineBytes, skip: item.kind === 'socket' ? -1 : start, kind: item.kind, contentBytes: 0, grade: null }
    if (problem !== undefined) packed.error = problem
    return packed
  }

  const packer: EntryPacker<PackItem, PackedItem> = { stater, packFile, packOther, asFile: (item) => ({ ...item, kind: 'file', sizeBytes: 0 }) }
  return {
    build(items, stats) {
      end = 0
      lines.clear()
      const packed = items.map(batchPacker(stats, packer))
      return { tar: tar.subarray(0, end), items: packed, lines: lines.all() }
    },
  }
}

import { type BigIntStats, lstatSync, readlinkSync, statSync } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import { type BytePath, fsPath, pathText } from '../../lib/byte-path.ts'
import type { UserNames } from '../../lib/user-names.ts'
import { type TarMember, tarHeaderBound, tarPadding, writeTarHeader } from '../formats/archive-v1/tar-header.ts'
import { entryLine } from '../formats/entry-line.ts'
import { fileIdOf } from '../file-id.ts'
import { deviceOf, metadataOf, permissionBits } from './entry-metadata.ts'
import type { InodeFacts, PackedItem, PackItem } from './pack-protocol.ts'
import { gradeOf, mustNotSupersede, notStored, replacedFinding } from './packed-item.ts'
import { type FileRef, isGone, openFile, readErrorOf, readFully } from './read-file.ts'

/** Waits before a file that changed is read again, in milliseconds. */
const retryWaitsMs = [1, 6, 30, 160, 1000]
/** All waits of one thread in one run: a tree full of busy files must not make a backup endless. The settle pass comes back to them. */
const waitBudgetMs = 10_000

export interface FrameBuilder {
  /** Packs the items as tar members, one after the other. The bytes are valid until the next call. */
  build(items: readonly PackItem[]): { tar: Uint8Array; items: PackedItem[] }
}

/**
 * Makes the tar bytes of one frame from whole entries, in a worker thread: stat, open, header, read, hash, compare. A file that changed while it was read is read
 * again over its own bytes, so its header and its content are of one state.
 * @param frameBytes nominal size of a frame; what files have grown beyond it since they were listed is cut
 */
export function createFrameBuilder(frameBytes: number, names: UserNames): FrameBuilder {
  const hasher = new Blake3Hasher()
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  let waitedMs = 0
  let tar = Buffer.allocUnsafeSlow(frameBytes + 64 * 1024)
  let end = 0

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

  /** Waits before attempt `attempt` + 1; false when there is none. */
  function waitToRetry(attempt: number): boolean {
    const waitMs = retryWaitsMs[attempt]
    if (waitMs === undefined || waitedMs + waitMs > waitBudgetMs) return false
    waitedMs += waitMs
    Atomics.wait(sleeper, 0, 0, waitMs)
    return true
  }

  function packFile(item: PackItem, file: FileRef): PackedItem {
    const start = end
    for (let attempt = 0; ; attempt++) {
      end = start
      const opened = openFile(file)
      if (!('fd' in opened)) return notStored(item, opened.finding, opened.error)
      using source = opened
      const { before } = source
      const holdsGroup = item.group !== undefined && fileIdOf(before) === item.linkId
      if (mustNotSupersede(item, holdsGroup)) return notStored(item, replacedFinding(item), null)
      const size = Math.min(Number(before.size), Math.max(item.sizeBytes, frameBytes - start))
      const metadata = metadataOf(before, names)
      const member: TarMember = { path: item.path, kind: 'file', sizeBytes: size, mode: Number(before.mode) & permissionBits, ...metadata }
      reserve(tarHeaderBound(member) + size + 512)
      end = writeTarHeader(tar, end, member)
      const dataStart = end
      let finding: ConsistencyFinding | null
      let got: number
      try {
        got = readFully(source.fd, tar, dataStart, size, 0)
        finding = source.finding(got)
      } catch (error) {
        if (file.frozen) throw error
        end = start
        const refused = readErrorOf(file, error)
        return notStored(item, refused.finding, refused.error)
      }
      // What is gone does not come back, and what has outgrown the frame does not shrink: the settle pass takes it whole.
      const isWorthWaiting = finding !== null && finding.verdict !== 'deleted' && Number(before.size) === size
      if (isWorthWaiting && waitToRetry(attempt)) continue

      end = dataStart + got
      pad(size - got)
      hasher.reset()
      const hash = hasher.update(tar.subarray(dataStart, end)).digest('hex')
      pad(tarPadding(size))
      const grade = gradeOf(item.frozen, finding, size, got)
      const retried = attempt > 0 && finding === null
      const line = entryLine({
        path: item.path,
        kind: 'file',
        sizeBytes: size,
        hash,
        mode: Number(before.mode),
        ...metadata,
        ...(holdsGroup ? { hardlinkGroup: item.group! } : {}),
        grade,
        ...(retried ? { flags: ['retried'] } : {}),
        ...(item.supersedes ? { supersedes: true } : {}),
      })
      return { line, skip: start, kind: 'file', contentBytes: size, grade, retried, holdsGroup, finding, error: null }
    }
  }

  /** Everything that has no content of its own. @param link where it points · `device` which one it is */
  function packOther(item: PackItem, facts: InodeFacts, link?: BytePath, device?: TarMember['device']): PackedItem {
    const start = end
    const { path } = item
    const metadata = metadataOf(facts, names)
    const kind = item.kind as TarMember['kind']
    if (item.kind !== 'socket') {
      const member: TarMember = {
        path,
        kind,
        sizeBytes: 0,
        mode: Number(facts.mode) & permissionBits,
        ...metadata,
        ...(link === undefined ? {} : { linkPath: link }),
        ...(device === undefined ? {} : { device }),
      }
      reserve(tarHeaderBound(member))
      end = writeTarHeader(tar, end, member)
    }
    const line = entryLine({
      path,
      kind: item.kind,
      mode: Number(facts.mode),
      ...metadata,
      ...(link === undefined ? {} : { target: link }),
      ...(device === undefined ? {} : { device }),
      ...(item.group === undefined ? {} : { hardlinkGroup: item.group }),
      ...(item.supersedes ? { supersedes: true } : {}),
    })
    // A socket has no place in tar: it lives in the index only.
    return {
      line,
      skip: item.kind === 'socket' ? -1 : start,
      kind: item.kind,
      contentBytes: 0,
      grade: null,
      retried: false,
      holdsGroup: false,
      finding: null,
      error: null,
    }
  }

  /** A name of a file that was met under another name before. */
  function packLink(item: PackItem, stats: BigIntStats, file: FileRef, failed: Map<BytePath, BytePath | null>): PackedItem {
    // The name may have become another file since it was listed, and the member it would link to may not have been stored.
    const primary = failed.has(item.primary!) ? failed.get(item.primary!)! : item.primary!
    if (primary !== null && fileIdOf(stats) === item.linkId) return packOther(item, stats, primary)
    const packed = packFile({ ...item, kind: 'file', sizeBytes: 0 }, file)
    if (primary !== null || !packed.holdsGroup) return packed
    failed.set(item.primary!, item.path)
    return packed
  }

  function packItem(item: PackItem, failed: Map<BytePath, BytePath | null>): PackedItem {
    const physical = item.physical ?? `/${item.path}`
    const file = { path: item.path, physical, followed: item.followed === true, frozen: item.frozen !== undefined }
    if (item.kind === 'file') return packFile(item, file)
    if (item.inode !== undefined) return packOther(item, item.inode, item.primary)
    try {
      const stats = (file.followed ? statSync : lstatSync)(fsPath(physical), { bigint: true })
      if (item.kind === 'hardlink') return packLink(item, stats, file, failed)
      if (!isStill(item.kind, stats)) return notStored(item, replacedFinding(item), null)
      const link = item.kind === 'symlink' ? readlinkSync(fsPath(physical), { encoding: 'latin1' }) : undefined
      return packOther(item, stats, link, item.kind === 'device' ? deviceOf(stats) : undefined)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      if (isGone(error)) {
        return notStored(item, { verdict: 'deleted', sample: { path: pathText(item.path).text, reason: 'stat_after_missing' } }, null)
      }
      const refused = readErrorOf(item, error)
      return notStored(item, refused.finding, refused.error)
    }
  }

  return {
    build(items) {
      end = 0
      const failed = new Map<BytePath, BytePath | null>()
      const packed = items.map((item) => {
        const done = packItem(item, failed)
        if (item.kind === 'file' && item.group !== undefined && !done.holdsGroup) failed.set(item.path, null)
        return done
      })
      return { tar: tar.subarray(0, end), items: packed }
    },
  }
}

function isStill(kind: PackItem['kind'], stats: BigIntStats): boolean {
  switch (kind) {
    case 'dir':
      return stats.isDirectory()
    case 'symlink':
      return stats.isSymbolicLink()
    case 'fifo':
      return stats.isFIFO()
    case 'socket':
      return stats.isSocket()
    case 'device':
      return stats.isBlockDevice() || stats.isCharacterDevice()
    default:
      return false
  }
}

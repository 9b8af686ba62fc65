import { fstatSync, ftruncateSync } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import { createFileCloner } from '../../lib/posix-clone.ts'
import { writeAroundZeros, writeFully } from '../../lib/write-around-zeros.ts'
import { oddName, ownName } from '../formats/raw-tree-v1/object-name.ts'
import { localDirError } from '../targets/local-dir/local-dir-error.ts'
import { createLocalTree, type LocalTree, type TreeFile } from '../targets/local-dir/local-tree.ts'
import type { TreeMetadata } from '../targets/target.ts'
import { type FileFields, fileFields, readXattrs } from './entry-metadata.ts'
import { hasHoles } from './has-holes.ts'
import type { InodeFacts } from './pack-protocol.ts'
import { gradeOf, mustNotSupersede, replacedFinding } from './packed-item.ts'
import { createRetryWaits } from './read-again.ts'
import { type FileRef, openFile, readFully } from './read-file.ts'
import { maxSendings, pieceBytes, readPieces, SourceShrankError } from './read-pieces.ts'
import type { SourceTools } from './source-tools.ts'
import type { TreeItem } from './tree-protocol.ts'

/** A file that is stored, and what is to be told of it. */
export interface StoredFile {
  fields: FileFields
  /** it has holes */
  sparse: boolean
  finding?: ConsistencyFinding
  error?: { code: string; message: string }
}
export type NotStored = Omit<StoredFile, 'fields' | 'sparse'>

/** Where a thread stores the entries of a tree: real files below the run's directory. `fields.object` then says where, if not under the entry's own name. */
export interface TreeHome {
  /** A file that was read whole. @param sparse whether its zeros become holes */
  store(item: TreeItem, fields: FileFields, bytes: Uint8Array, sparse: boolean): void
  /** A file too large for that, piece by piece. */
  storeLarge(item: TreeItem, file: FileRef): StoredFile | NotStored
  /** A file as a copy that shares its blocks; null where that cannot be, or what was copied cannot be read, and then nothing has happened. */
  clone(item: TreeItem, file: FileRef, listed: FileStat): StoredFile | NotStored | null
  /** A directory or a link; what else there is cannot stand in a tree. */
  make(item: TreeItem, facts: InodeFacts, link: BytePath | undefined): boolean
  /** Where a file with more names is, for those that come in the same task. */
  remember(path: BytePath, object: string | undefined): void
  forget(): void
  describeDirectory(path: BytePath, metadata: TreeMetadata): void
}

/** @param options.stopped see `TreeThreadData` */
export function createTreeHome(options: { rootFd: number; label: string; tools: SourceTools; stopped: Int32Array }): TreeHome {
  const { tools, stopped } = options
  const { stater } = tools
  const tree: LocalTree = createLocalTree(options.rootFd, options.label)
  const cloneFile = createFileCloner()
  /** devices whose files cannot be cloned into the tree */
  const uncloneable = new Set<number>()
  const waitToRetry = createRetryWaits()
  const hasher = new Blake3Hasher()
  const piece = Buffer.allocUnsafeSlow(pieceBytes)
  const objects = new Map<BytePath, string | undefined>()

  /** A file to be filled; `fields.object` is said where it is not at its own name. */
  function open(item: TreeItem, mode: number): { file: TreeFile; object: string | undefined } {
    const known = item.object ?? undefined
    if (item.supersedes === true) return { file: tree.replaceFile(known ?? ownName(item.path)), object: known }
    const own = known === undefined ? tree.createFile(ownName(item.path), mode) : null
    if (own !== null) return { file: own, object: undefined }
    const odd = known ?? oddName(item.path)
    const file = tree.createFile(odd, mode)
    if (file === null) throw new BastionError('target_rejected', `${options.label} cannot hold a file named ${odd}`)
    return { file, object: odd }
  }

  /** Runs what fills a file; nothing is left of one that fails. */
  function filling<T>(file: TreeFile, fill: () => T): T {
    try {
      return fill()
    } catch (error) {
      file.drop()
      throw error
    }
  }

  /** A call that only the target can fail at: what the source fails at is no error of the run. */
  function onTarget<T>(item: TreeItem, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw localDirError(error, `Cannot store "${pathText(item.path).text}" in ${options.label}`)
    }
  }

  /** Zeros at the end of a sparse file are there once its size is. */
  function write(item: TreeItem, fd: number, bytes: Uint8Array, position: number, sparse: boolean): void {
    onTarget(item, () => {
      if (!sparse) return writeFully(fd, bytes, position)
      writeAroundZeros(fd, bytes, position)
      ftruncateSync(fd, position + bytes.byteLength)
    })
  }

  function checkStopped(): void {
    if (Atomics.load(stopped, 0) !== 0) throw new BastionError('canceled', 'the run has ended')
  }

  /**
   * The bytes of the copy, which nobody writes to: they are what is stored, and it is the one time that they are read. `null` when the disk cannot read them: the blocks are
   * those of the source too.
   */
  function hashOf(fd: number, sizeBytes: number): string | null {
    hasher.reset()
    for (let position = 0; position < sizeBytes;) {
      checkStopped()
      let got: number
      try {
        got = readFully(fd, piece, 0, Math.min(pieceBytes, sizeBytes - position), position)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EIO') return null
        throw error
      }
      if (got === 0) throw new BastionError('target_rejected', `a copy in ${options.label} has lost its end`)
      hasher.update(piece.subarray(0, got))
      position += got
    }
    return hasher.digest('hex')
  }

  return {
    store(item, fields, bytes, sparse) {
      const { file, object } = open(item, fields.mode)
      fields.object = object
      filling(file, () => write(item, file.fd, bytes, 0, sparse))
      file.settle(fields)
    },

    storeLarge(item, file) {
      let place: ReturnType<typeof open> | null = null
      for (let sending = 1; ; sending++) {
        const opened = openFile(file, stater)
        if (!('fd' in opened)) {
          place?.file.drop()
          return opened
        }
        using source = opened
        const { before } = source
        const holdsGroup = item.group !== undefined && before.fileId === item.linkId
        if (mustNotSupersede(item, holdsGroup)) {
          place?.file.drop()
          return { finding: replacedFinding(item) }
        }
        place ??= open(item, before.mode)
        const { fd } = place.file
        const sparse = hasHoles(tools, source.fd, before)
        const pieces = readPieces(source, file, { takeBuffer: () => piece, fillUp: sending === maxSendings })
        const fields = fileFields(item, before, before.size, tools)
        const attributes = readXattrs(tools, source.fd, item)
        fields.xattrs = attributes.xattrs
        const shrank = filling(place.file, () => {
          let position = 0
          try {
            for (const bytes of pieces) {
              checkStopped()
              write(item, fd, bytes, position, sparse)
              position += bytes.byteLength
            }
          } catch (error) {
            if (!(error instanceof SourceShrankError)) throw error
            onTarget(item, () => ftruncateSync(fd, 0))
            return true
          }
          return false
        })
        if (shrank) {
          waitToRetry(sending)
          continue
        }
        const { hash, readBytes, failure } = pieces.end()
        const finding = failure?.finding ?? source.finding(readBytes)
        fields.hash = hash
        fields.object = place.object
        fields.grade = gradeOf(item.frozen, finding, before.size, readBytes)
        if (holdsGroup) fields.hardlinkGroup = item.group
        if (failure !== null) fields.flags = ['read_error']
        else if (sending > 1 && finding === null) fields.flags = ['retried']
        place.file.settle(fields)
        const error = failure?.error ?? attributes.problem
        return { fields, sparse, ...(finding === null ? {} : { finding }), ...(error === undefined ? {} : { error }) }
      }
    },

    clone(item, file, listed) {
      if (cloneFile === null || uncloneable.has(listed.dev)) return null
      let place: ReturnType<typeof open> | null = null
      for (let attempt = 0; ; attempt++) {
        const opened = openFile(file, stater)
        if (!('fd' in opened)) {
          place?.file.drop()
          return opened
        }
        using source = opened
        const { before } = source
        place ??= open(item, before.mode)
        const { fd } = place.file
        const isCloned = filling(place.file, () =>
          onTarget(item, () => {
            ftruncateSync(fd, 0)
            return cloneFile(source.fd, fd)
          }),
        )
        if (!isCloned) {
          uncloneable.add(before.dev)
          place.file.drop()
          return null
        }
        const { size } = fstatSync(fd)
        const finding = source.finding(Math.min(size, before.size))
        if (finding !== null && finding.verdict !== 'deleted' && waitToRetry(attempt)) continue

        const hash = filling(place.file, () => onTarget(item, () => hashOf(fd, size)))
        if (hash === null) {
          place.file.drop()
          return null
        }
        const fields = fileFields(item, before, size, tools)
        const attributes = readXattrs(tools, source.fd, item)
        fields.xattrs = attributes.xattrs
        fields.hash = hash
        fields.object = place.object
        const grade = gradeOf(item.frozen, finding, size, size)
        // What it was in one moment, even if it has changed since; but then its times are of another one.
        fields.grade = grade === 'stable' ? 'per_file' : grade
        if (item.group !== undefined && before.fileId === item.linkId) fields.hardlinkGroup = item.group
        if (attempt > 0 && finding === null) fields.flags = ['retried']
        place.file.settle(fields)
        const sparse = hasHoles(tools, source.fd, before)
        return {
          fields,
          sparse,
          ...(finding === null ? {} : { finding }),
          ...(attributes.problem === undefined ? {} : { error: attributes.problem }),
        }
      }
    },

    make(item, facts, link) {
      const own = ownName(item.path)
      if (item.kind === 'dir') return tree.makeDirectory(own)
      if (item.kind === 'symlink') return tree.makeSymlink(own, link!) && tree.describe(own, facts)
      if (item.kind !== 'hardlink') return false
      const object = objects.has(link!) ? objects.get(link!) : link === item.primary ? item.primaryObject : undefined
      return tree.makeLink(own, object ?? ownName(link!), item.supersedes === true)
    },

    remember: (path, object) => void objects.set(path, object),
    forget: () => objects.clear(),
    describeDirectory: (path, metadata) => void tree.describe(ownName(path), metadata),
  }
}

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, fsPath, pathText } from '../../lib/byte-path.ts'
import { createDirectoryCalls } from '../../lib/posix-at.ts'
import { createNodeMaker } from '../../lib/posix-mknod.ts'
import { createXattrs } from '../../lib/posix-xattr.ts'
import { createTimeSetter, type TimeSetter } from '../../lib/posix-times.ts'
import { type Destination, type DirectoryHandle, type MadeFile, madeIn, permissionBits, type Place } from './destination.ts'
import { type SparseLayout, spread } from './sparse-layout.ts'
import type { ExtractItem, ExtractOutcome, MetadataNote, PlacerOptions } from './extract-protocol.ts'

/** A file on its way: complete without a name, or under a temporary one, then at its own. */
export interface PendingFile {
  readonly fd: number
  /** Makes it a sparse file: what is written then is its data, holes left out. */
  spread(layout: SparseLayout): void
  write(bytes: Uint8Array): void
  /** Metadata, then the name, at once. */
  place(): ExtractOutcome
  /** Leaves nothing behind. */
  drop(): void
}

/** Puts entries at their names under the conflict policy. Nothing the artifact does not hold is ever removed. */
export interface EntryPlacer {
  /** `null` when the entry is skipped or in conflict, then `outcome` says so. @throws the system's error */
  beginFile(item: ExtractItem): { file: PendingFile } | { outcome: ExtractOutcome }
  /** Links, FIFOs, devices. */
  placeOther(item: ExtractItem): ExtractOutcome
  /** A hard link to what is at `target` below the destination. */
  placeHardLink(item: ExtractItem, target: BytePath): ExtractOutcome
  /** Owner, mode, times of a directory, when nothing will be made in it any more. */
  finishDirectory(item: ExtractItem): MetadataNote[]
}

const plainBits = 0o777
const ownerBits = 0o6000
/** To chown(2) this number, -1, means that the owner stays who it is; no file can belong to it. */
const nobodyAtAll = 0xffff_ffff
/** O_PATH of Linux (asm-generic/fcntl.h), which Node does not name. */
const openPath = 0o10000000

/** What is complete and has not its own name yet. */
interface ReadyEntry {
  /** @throws the system's error, EEXIST where there is something */
  take(directory: DirectoryHandle, name: BytePath): void
  /** The name it has meanwhile. */
  temporaryIn(directory: DirectoryHandle): BytePath
  /** Leaves nothing behind. */
  drop(directory: DirectoryHandle): void
}

export function createEntryPlacer(destination: Destination, options: PlacerOptions): EntryPlacer {
  const { conflict, fresh } = options
  const calls = createDirectoryCalls()
  const times: TimeSetter = createTimeSetter()
  const makeNode = createNodeMaker()
  const xattrs = createXattrs()
  const temporaryPrefix = `.bastion-restore-${randomBytes(6).toString('hex')}-`
  let temporaryCount = 0

  /** What the policy says to what is already at the name: go on, or an outcome. */
  function inTheWay(item: ExtractItem, existing: Stats | undefined): ExtractOutcome | null {
    if (existing === undefined) return null
    const text = pathText(item.to).text
    if (conflict === 'skip') return { kind: 'skipped' }
    if (conflict === 'fail') throw new BastionError('restore_conflict', `${text} exists already`)
    if (conflict === 'overwrite' && !replaces(item.kind, existing)) {
      return {
        kind: 'conflict',
        message: `${text}: ${kindName(existing)} is in the way and is not replaced by ${item.kind === 'hardlink' ? 'a file' : `a ${item.kind}`}`,
      }
    }
    return null
  }

  function lookInTheWay(item: ExtractItem, { directory, name }: Place): ExtractOutcome | null {
    return inTheWay(item, lstatSync(directory.at(name), { throwIfNoEntry: false }))
  }

  /** Gives an entry that is ready its name. */
  function settleName(item: ExtractItem, { directory, name }: Place, ready: ReadyEntry, bytes: number, notes: MetadataNote[]): ExtractOutcome {
    const told = notes.length === 0 ? {} : { notes }
    try {
      if (conflict === 'overwrite' && !fresh) return replace()
      for (let n = 0; ;) {
        const candidate = n === 0 ? name : `${name}.restored-${n}`
        if (isNew(() => ready.take(directory, candidate))) {
          return n === 0
            ? { kind: 'done', bytes, ...told }
            : { kind: 'renamed', to: item.to.slice(0, item.to.length - name.length) + candidate, bytes, ...told }
        }
        if (conflict === 'rename') {
          n += 1
          continue
        }
        const refused = lookInTheWay(item, { directory, name })
        if (refused !== null) {
          ready.drop(directory)
          return refused
        }
        // Otherwise what was there has gone meanwhile.
        if (conflict === 'overwrite') return replace()
      }
    } catch (error) {
      ready.drop(directory)
      throw error
    }

    function replace(): ExtractOutcome {
      const from = directory.at(ready.temporaryIn(directory))
      try {
        renameSync(from, directory.at(name))
      } catch (error) {
        removeQuietly(from)
        throw error
      }
      // Renaming one name of a file over another name of it does nothing.
      if (item.kind === 'hardlink') removeQuietly(from)
      return { kind: 'done', bytes, ...told }
    }
  }

  /** What is complete under a temporary name. */
  function underName(temporary: BytePath): ReadyEntry {
    return {
      take(directory, name) {
        if (calls.renameNew(directory.fd, temporary, name)) return
        linkSync(directory.at(temporary), directory.at(name))
        unlinkSync(directory.at(temporary))
      },
      temporaryIn: () => temporary,
      drop: (directory) => removeQuietly(directory.at(temporary)),
    }
  }

  /** A file that is complete without a name: when its process ends now, nothing is left of it. */
  function byHandle(fd: number): ReadyEntry {
    return {
      take: (directory, name) => calls.nameFile(fd, directory.fd, name),
      temporaryIn(directory) {
        const temporary = temporaryName()
        calls.nameFile(fd, directory.fd, temporary)
        return temporary
      },
      drop: () => {},
    }
  }

  /** Whether there was no such name; decided by the filesystem itself, which never replaces here. */
  function isNew(take: () => void): boolean {
    try {
      take()
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    }
  }

  /** Files without names are better where they can be made, and given one: found out once, by doing it. */
  let areNamelessUsable: boolean | null = null

  function createNameless(directory: DirectoryHandle, mode: number): number | null {
    areNamelessUsable ??= tryNameless(directory)
    return areNamelessUsable ? calls.createNameless(directory.fd, mode) : null
  }

  function tryNameless(directory: DirectoryHandle): boolean {
    const fd = calls.createNameless(directory.fd, 0o600)
    if (fd === null) return false
    try {
      removeQuietly(directory.at(byHandle(fd).temporaryIn(directory)))
      return true
    } catch {
      return false
    } finally {
      calls.close(fd)
    }
  }

  function temporaryName(): BytePath {
    return temporaryPrefix + temporaryCount++
  }

  /** Without the owner, the bits that lend the owner's rights would lend somebody else's. `stats` tells who that is now. */
  function modeOf(item: ExtractItem, stats: () => Stats): number {
    const mode = item.mode & permissionBits
    if ((mode & ownerBits) === 0) return mode
    const { uid, gid } = stats()
    return uid === item.uid && gid === item.gid ? mode : mode & ~ownerBits
  }

  function attempt(note: MetadataNote, notes: MetadataNote[], action: () => void): boolean {
    try {
      action()
      return true
    } catch {
      notes.push(note) // metadata is best effort and reported: the content is what was promised
      return false
    }
  }

  function giveOwner(item: ExtractItem, notes: MetadataNote[], chown: (uid: number, gid: number) => void): void {
    if (!options.owners) return
    const isGiven = attempt('owner', notes, () => chown(item.uid, item.gid))
    if (isGiven && (item.uid === nobodyAtAll || item.gid === nobodyAtAll)) notes.push('owner')
  }

  /** The owner first: changing it takes away the bits that lend its rights. */
  function finishHandle(fd: number, item: ExtractItem): MetadataNote[] {
    const notes: MetadataNote[] = []
    const setMode = () =>
      attempt('mode', notes, () => {
        const mode = modeOf(item, () => fstatSync(fd))
        fchmodSync(fd, mode)
        if (mode !== (item.mode & permissionBits)) notes.push('mode')
      })
    giveOwner(item, notes, (uid, gid) => fchownSync(fd, uid, gid))
    // Who is not root gives attributes to what may be written only; the file is still as it was made, then.
    const isReadOnly = !options.owners && (item.mode & 0o200) === 0
    if (!isReadOnly) setMode()
    putXattrs(fd, item, notes)
    if (isReadOnly) setMode()
    attempt('mtime', notes, () => times.setByHandle(fd, item.mtimeNs))
    return notes
  }

  /** @param made the file as it was made with the permission bits it is to have: what is right is not set again */
  function finishFile(fd: number, item: ExtractItem, made: MadeFile | null): MetadataNote[] {
    if (made === null) return finishHandle(fd, item)
    const notes: MetadataNote[] = []
    if (made.uid !== item.uid || made.gid !== item.gid) giveOwner(item, notes, (uid, gid) => fchownSync(fd, uid, gid))
    if (made.permissions !== (item.mode & permissionBits)) attempt('mode', notes, () => fchmodSync(fd, item.mode & permissionBits))
    attempt('mtime', notes, () => times.setByHandle(fd, item.mtimeNs))
    return notes
  }

  /** Bits that lend rights, and attributes, come later: not to a file that is not whole, nor before its owner. */
  function isPlain(item: ExtractItem): boolean {
    return (item.mode & permissionBits & ~plainBits) === 0 && item.xattrs === undefined
  }

  /** After owner and mode, which take away capabilities and change an ACL. What lends rights or is for the system alone is only for whose owner is restored too. */
  function putXattrs(of: number | string | Buffer, item: ExtractItem, notes: MetadataNote[]): void {
    for (const xattr of item.xattrs ?? []) {
      const isOurs = options.owners || /^(?:user\.|system\.posix_acl_)/.test(xattr[0])
      if (!isOurs || xattrs === null || !attempt('xattrs', [], () => xattrs.write(of, xattr))) {
        if (!notes.includes('xattrs')) notes.push('xattrs')
      }
    }
  }

  /** For what is not opened: links, FIFOs, devices. */
  function finishPath(path: string | Buffer, item: ExtractItem): MetadataNote[] {
    const notes: MetadataNote[] = []
    giveOwner(item, notes, (uid, gid) => lchownSync(path, uid, gid))
    if (item.kind !== 'symlink') attempt('mode', notes, () => chmodUnopened(path, item.mode & permissionBits))
    putXattrs(path, item, notes)
    attempt('mtime', notes, () => times.setByPath(path, item.mtimeNs))
    return notes
  }

  return {
    beginFile(item) {
      const first = destination.parentOf(item.to)
      const refused = fresh ? null : lookInTheWay(item, first)
      if (refused !== null) return { outcome: refused }
      const { directory } = first
      // Nobody can reach what has no name, whatever its mode is.
      const plain = isPlain(item)
      const mode = plain ? item.mode & plainBits : 0o600
      const nameless = createNameless(directory, mode)
      const temporary = temporaryName()
      const fd = nameless ?? calls.create(directory.fd, temporary, 0o600)
      const ready = nameless === null ? underName(temporary) : byHandle(fd)
      const made = nameless !== null && plain ? madeIn(directory, fd, mode) : null
      let open = true
      const close = () => {
        if (!open) return
        open = false
        calls.close(fd)
      }
      const put = (bytes: Uint8Array, offset: number | null) => {
        for (let done = 0; done < bytes.byteLength;) {
          done += writeSync(fd, bytes, done, bytes.byteLength - done, offset === null ? null : offset + done)
        }
      }
      let write = (bytes: Uint8Array) => put(bytes, null)
      // The directory's handle may be closed before a long file is whole; its name is then looked up anew.
      const here = () => destination.parentOf(item.to)
      return {
        file: {
          fd,
          spread(layout) {
            ftruncateSync(fd, layout.realSizeBytes)
            write = spread(layout, put)
          },
          write: (bytes) => write(bytes),
          place() {
            try {
              const notes = finishFile(fd, item, made)
              // Some filesystems say only then that they could not write.
              if (nameless === null) close()
              return settleName(item, here(), ready, item.size, notes)
            } catch (error) {
              ready.drop(here().directory)
              throw error
            } finally {
              close()
            }
          },
          drop() {
            close()
            ready.drop(here().directory)
          },
        },
      }
    },
    placeOther(item) {
      const place = destination.parentOf(item.to)
      const refused = fresh ? null : lookInTheWay(item, place)
      if (refused !== null) return refused
      const temporary = temporaryName()
      const path = place.directory.at(temporary)
      if (item.kind === 'symlink') {
        symlinkSync(fsPath(item.target ?? ''), path)
      } else {
        if (makeNode === null) return { kind: 'failed', message: `${pathText(item.to).text}: this system cannot make a ${item.kind}` }
        const type = item.kind === 'fifo' ? constants.S_IFIFO : item.device?.type === 'block' ? constants.S_IFBLK : constants.S_IFCHR
        makeNode(path, type | 0o600, item.device === undefined ? [0, 0] : [item.device.major, item.device.minor])
      }
      return settleName(item, place, underName(temporary), 0, finishPath(path, item))
    },
    placeHardLink(item, target) {
      const from = destination.parentOf(target)
      const fromPath = from.directory.at(from.name)
      const place = destination.parentOf(item.to)
      const existing = lstatSync(place.directory.at(place.name), { throwIfNoEntry: false })
      const source = lstatSync(fromPath)
      if (existing !== undefined && existing.ino === source.ino && existing.dev === source.dev) return { kind: 'done', bytes: 0 }
      const refused = inTheWay(item, existing)
      if (refused !== null) return refused
      const temporary = temporaryName()
      linkSync(fromPath, place.directory.at(temporary))
      return settleName(item, place, underName(temporary), 0, [])
    },
    finishDirectory(item) {
      return finishHandle(destination.open(item.to).fd, item)
    },
  }
}

/** Overwriting puts a file over a file and a link over a link; anything else is somebody's data of another kind. */
export function replaces(kind: ExtractItem['kind'], existing: Stats): boolean {
  switch (kind) {
    case 'file':
    case 'hardlink':
      return existing.isFile()
    case 'symlink':
      return existing.isSymbolicLink()
    case 'fifo':
      return existing.isFIFO()
    case 'device':
      return existing.isBlockDevice() || existing.isCharacterDevice()
    default:
      return false
  }
}

function kindName(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isSymbolicLink()) return 'a link'
  if (stats.isFile()) return 'a file'
  return 'a special file'
}

/** fchmod(2) by a handle that opens nothing: no waiting for a FIFO's other end, no device that notices, and no link that is followed. */
function chmodUnopened(path: string | Buffer, mode: number): void {
  const fd = openSync(path, openPath | constants.O_NOFOLLOW)
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode)
  } finally {
    closeSync(fd)
  }
}

function removeQuietly(path: string | Buffer): void {
  try {
    unlinkSync(path)
  } catch {
    // it is gone already, or the directory is: nothing of ours is left either way
  }
}

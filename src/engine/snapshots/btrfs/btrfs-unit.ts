import { lstatSync, readFileSync } from 'node:fs'
import type { BtrfsIoctl } from '../../../lib/btrfs-ioctl.ts'
import { type BytePath, fsPath, parentPath, pathText } from '../../../lib/byte-path.ts'
import { type Mount, mountOf } from '../../../lib/mount-table.ts'
import { chooseHolder, holdDirectory } from '../holder-directory.ts'
import { isRefusal, type Refusal, type SnapshotHost, type UnitPlace } from '../snapshot-provider.ts'

/** What a lease knows of a subvolume: its snapshot names it as parent, and was made later than this. */
export interface BtrfsFacts {
  filesystem_uuid: string
  subvolume_uuid: string
  subvolume_id: string
  generation: string
}

/** The inode number of every subvolume's root (BTRFS_FIRST_FREE_OBJECTID). `lstat` cannot tell it from a file's, so the kernel is asked too. */
export const rootIno = 256

/** The subvolume a path lies in, and whether a snapshot of it could be made and removed again. */
export function locateSubvolume(path: BytePath, workDirectory: BytePath, host: SnapshotHost, ioctl: BtrfsIoctl): UnitPlace | Refusal {
  const mounts = host.readMounts()
  const mount = mountOf(mounts, path)
  if (mount?.fsType !== 'btrfs') return { reason: `${pathText(path).text} is not on Btrfs` }
  const isDirectory = lstatSync(fsPath(path)).isDirectory()
  const directory = isDirectory ? path : parentPath(path)
  const root = subvolumeRoot(directory, mount, mounts)
  if (root === null) {
    return {
      reason: `${pathText(mount.mountPoint).text} shows only a part of its subvolume, ${pathText(mount.root).text}, and the root of the subvolume is mounted nowhere here`,
      hint: 'Mount the whole subvolume somewhere as well, or name the source by the path where it is mounted whole.',
    }
  }
  using held = holdDirectory(root.path)
  const subvolume = ioctl.subvolume(held.fd)
  const filesystem = ioctl.filesystemUuid(held.fd)
  const swapFile = swapFileIn(filesystem, subvolume.id, ioctl)
  if (swapFile !== null) {
    return {
      reason: `the swap file ${pathText(swapFile).text} is in use in this subvolume, and Btrfs freezes no subvolume with one`,
      hint: 'Move it to a subvolume of its own.',
    }
  }
  const rights = mayFreeze(root.path, mountOf(mounts, root.path), host)
  if (rights !== null) return rights
  const holder = chooseHolder({
    workDirectory,
    unitRoots: rootsUpwards(root.path, mounts),
    isSameFilesystem: (other) => filesystemOf(other, ioctl) === filesystem,
  })
  if (isRefusal(holder)) return holder
  const facts: BtrfsFacts = {
    filesystem_uuid: filesystem,
    subvolume_uuid: subvolume.uuid,
    subvolume_id: String(subvolume.id),
    generation: String(subvolume.generation),
  }
  const rest = `${root.below}${isDirectory ? '' : path.slice(path.lastIndexOf('/'))}`
  const label = `btrfs:${pathText(mount.source).text}[${pathText(internalPath(root.path, mounts)).text}]`
  return {
    unit: { provider: 'btrfs', key: `btrfs:${filesystem}/${subvolume.id}`, label, root: root.path, filesystem, holder, facts: { ...facts } },
    inside: rest,
  }
}

/** The subvolumes nested below a directory of a subvolume, at any depth, as far as they are seen at their own place. */
export function nestedSubvolumes(path: BytePath, place: UnitPlace, ioctl: BtrfsIoctl): BytePath[] {
  const found: BytePath[] = []
  visit(place.unit.root, `${place.unit.root}${place.inside}`.replace(/^\/\//, '/'), path)
  return found

  /** @param at the root of a subvolume · `above` what is looked below, by this root · `shown` the same place as the source names it */
  function visit(at: BytePath, above: BytePath, shown: BytePath): void {
    using held = holdDirectory(at)
    for (const child of ioctl.children(held.fd)) {
      const live = join(at, child.path)
      const prefix = above === '/' ? '/' : `${above}/`
      if (!live.startsWith(prefix)) continue
      const named = join(shown, live.slice(prefix.length))
      const id = subvolumeAt(named, ioctl)
      // Something else is mounted over it, or over what leads to it: the mount table shows that.
      if (id !== child.id && id !== 'unreadable') continue
      found.push(named)
      if (id === child.id) visit(named, named, named)
    }
  }
}

function join(directory: BytePath, name: BytePath): BytePath {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

/** The id of the subvolume a directory is in; `null` where there is none. */
export function subvolumeAt(path: BytePath, ioctl: BtrfsIoctl): bigint | 'unreadable' | null {
  try {
    using held = holdDirectory(path)
    return ioctl.subvolume(held.fd).id
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'unreadable' : null
  }
}

/** The UUID of the Btrfs a directory is on; `null` when it is on none. */
function filesystemOf(directory: BytePath, ioctl: BtrfsIoctl): string | null {
  try {
    using held = holdDirectory(directory)
    return ioctl.filesystemUuid(held.fd)
  } catch {
    return null
  }
}

/**
 * Where the root of the subvolume around a directory can be reached: upwards in its own mount, or, where that shows a part of the subvolume only (a bind mount), in another
 * mount of the same filesystem.
 */
function subvolumeRoot(directory: BytePath, mount: Mount, mounts: ReadonlyMap<BytePath, Mount>): { path: BytePath; below: BytePath } | null {
  const own = rootUpwards(directory, mount)
  if (own !== null) return own
  const inside = internalPath(directory, mounts)
  const stats = lstatSync(fsPath(directory))
  for (const other of mounts.values()) {
    if (other.device !== mount.device || other === mount) continue
    const prefix = other.root === '/' ? '' : other.root
    if (inside !== prefix && !inside.startsWith(`${prefix}/`)) continue
    const there = `${other.mountPoint === '/' ? '' : other.mountPoint}${inside.slice(prefix.length)}` || '/'
    // Another mount may lie on the way there.
    if (mountOf(mounts, there) !== other) continue
    const found = lstatSync(fsPath(there), { throwIfNoEntry: false })
    if (found?.dev !== stats.dev || found.ino !== stats.ino) continue
    const root = rootUpwards(there, other)
    if (root !== null) return root
  }
  return null
}

function rootUpwards(directory: BytePath, mount: Mount): { path: BytePath; below: BytePath } | null {
  for (let at = directory; ; at = parentPath(at)) {
    if (lstatSync(fsPath(at)).ino === rootIno) return { path: at, below: directory === at ? '' : directory.slice(at === '/' ? 0 : at.length) }
    if (at === mount.mountPoint || at === '/') return null
  }
}

/** The root of a subvolume and of those around it, as far as its mount shows them. */
function rootsUpwards(root: BytePath, mounts: ReadonlyMap<BytePath, Mount>): BytePath[] {
  const mountPoint = mountOf(mounts, root)?.mountPoint
  const roots: BytePath[] = []
  for (let at = root; ; at = parentPath(at)) {
    if (lstatSync(fsPath(at)).ino === rootIno) roots.push(at)
    if (at === mountPoint || at === '/') return roots
  }
}

/** From the top of the filesystem. */
function internalPath(path: BytePath, mounts: ReadonlyMap<BytePath, Mount>): BytePath {
  const mount = mountOf(mounts, path)
  if (mount === undefined) return path
  const below = path.slice(mount.mountPoint === '/' ? 0 : mount.mountPoint.length)
  return `${mount.root === '/' ? '' : mount.root}${below === '/' ? '' : below}` || '/'
}

/** Who may not remove a snapshot must not make one. */
function mayFreeze(root: BytePath, mount: Mount | undefined, host: SnapshotHost): Refusal | null {
  if (host.isAdministrator) return null
  const hint = 'Run as root, or own the subvolume and mount it with user_subvol_rm_allowed.'
  if (lstatSync(fsPath(root)).uid !== process.geteuid?.()) {
    return { reason: `the subvolume ${pathText(root).text} belongs to another user, and only root may freeze it`, hint }
  }
  if (mount?.options.includes('user_subvol_rm_allowed') === true) return null
  return { reason: `only root may remove snapshots of ${pathText(root).text}: it is mounted without user_subvol_rm_allowed`, hint }
}

/** An active swap file in the subvolume; the kernel refuses with "Text file busy". */
function swapFileIn(filesystem: string, subvolumeId: bigint, ioctl: BtrfsIoctl): BytePath | null {
  let lines: string[]
  try {
    lines = readFileSync('/proc/swaps', 'latin1').split('\n').slice(1)
  } catch {
    return null
  }
  for (const line of lines) {
    const [name = '', type] = line.split(/\s+/)
    if (type !== 'file') continue
    const path = name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    const directory = parentPath(path)
    if (filesystemOf(directory, ioctl) === filesystem && subvolumeAt(directory, ioctl) === subvolumeId) return path
  }
  return null
}

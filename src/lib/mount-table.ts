import { readFileSync } from 'node:fs'
import type { BytePath } from './byte-path.ts'

/** One line of `/proc/self/mountinfo` (Linux, Documentation/filesystems/proc.rst 3.5). */
export interface Mount {
  mountPoint: BytePath
  /** `major:minor`, the same for all mounts of one filesystem; on Btrfs not the device number `stat` gives */
  device: string
  /** the directory of the filesystem that is mounted, other than "/" for bind mounts and Btrfs subvolumes */
  root: BytePath
  fsType: string
  /** the device, dataset or server */
  source: string
  /** of the mount and of the filesystem, such as `ro` or `user_subvol_rm_allowed` */
  options: readonly string[]
}

/** The mounts of this process, later ones hiding earlier ones at the same place; empty where the system has no such table. */
export function readMountTable(file = '/proc/self/mountinfo'): Map<BytePath, Mount> {
  const mounts = new Map<BytePath, Mount>()
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch {
    return mounts
  }
  for (const line of text.split('\n')) {
    const [head, tail] = line.split(' - ')
    if (head === undefined || tail === undefined) continue
    const fields = head.split(' ')
    const [fsType, source, superOptions = ''] = tail.split(' ')
    const [, , device, root, mountPoint, mountOptions = ''] = fields
    if (device === undefined || root === undefined || mountPoint === undefined || fsType === undefined) continue
    const mount = {
      mountPoint: unescapeOctal(mountPoint),
      device,
      root: unescapeOctal(root),
      fsType,
      source: unescapeOctal(source ?? ''),
      options: [...mountOptions.split(','), ...superOptions.split(',')],
    }
    mounts.set(mount.mountPoint, mount)
  }
  return mounts
}

function unescapeOctal(field: string): BytePath {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/** The mount a path lies on: the longest mount point that is the path or above it. */
export function mountOf(mounts: ReadonlyMap<BytePath, Mount>, path: BytePath): Mount | undefined {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    const mount = mounts.get(at)
    if (mount !== undefined || at === '/' || at === '') return mount
  }
}

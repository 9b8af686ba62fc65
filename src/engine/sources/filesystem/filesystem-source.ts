import { accessSync, constants, lstatSync, statSync } from 'node:fs'
import type { CoverageItem } from '../../../core/coverage.ts'
import { BastionError } from '../../../core/errors.ts'
import type { FilesystemSource } from '../../../core/filesystem-source.ts'
import { type BytePath, fsPath, pathText } from '../../../lib/byte-path.ts'
import { type Mount, mountOf, readMountTable } from '../../../lib/mount-table.ts'
import type { FrozenView, ReadPlace } from '../../snapshots/frozen-view.ts'
import type { PreparedSource } from '../source.ts'
import { isBelow, kernelFilesystems, sourcePaths, sourceRoots, sourceRules } from './source-paths.ts'
import { walkTree } from './walk-tree.ts'

/**
 * Makes the trees of a `filesystem` source ready to be walked.
 * @param options.ownDirectories directories that are never part of a source, wherever they show up: the data directory, local target roots, holders of snapshots
 *   · `view` where paths are read while snapshots are held · `sameDevices` the device numbers a directory has live and in a snapshot
 * @throws BastionError source_not_found · invalid_spec for a bad pattern
 */
export function prepareFilesystemSource(
  spec: FilesystemSource,
  options: { ownDirectories: readonly BytePath[]; view?: FrozenView | null; sameDevices?: readonly { live: number; frozen: number }[] },
): PreparedSource {
  const view = options.view ?? null
  for (const path of sourcePaths(spec)) {
    if (!mayExist(path)) throw new BastionError('source_not_found', `the source path ${pathText(path).text} does not exist`)
  }
  const roots = sourceRoots(spec)
  const rules = sourceRules(spec)
  const own = new Set(options.ownDirectories.flatMap((directory) => directoryIds(directory, options.sameDevices ?? [])))
  const mounts = readMountTable()
  const seen = new Map<BytePath, CoverageItem>()

  function cover(path: BytePath, read: CoverageItem['read'], reason?: string, label?: string): void {
    const unit = read === 'snapshot' && label !== undefined ? label : unitName(mountOf(mounts, path))
    seen.set(path, { path: pathText(path).text, unit, read, ...(reason === undefined ? {} : { reason }) })
  }

  function enter(directory: ReadPlace & { logical: BytePath; dev: number; ino: number; parentDev: number | null }): 'enter' | 'stay' | 'leave' {
    const { logical, live, dev, ino, parentDev, frozen } = directory
    if (own.has(`${dev}:${ino}`)) {
      cover(logical, 'own', "Bastion's own data or a backup target")
      return 'leave'
    }
    const isRoot = parentDev === null
    const mount = mounts.get(logical)
    const turn = view?.turnAt(live)
    if (frozen !== false && turn === undefined && view?.isPlaceholder(live, ino) === true && !isSameLive(live, ino)) {
      cover(logical, 'hole', 'a subvolume that came to be while the snapshot was made')
      return 'stay'
    }
    if (!isRoot && dev === parentDev && mount === undefined && turn === undefined) return 'enter'
    if (!isRoot && mount !== undefined && kernelFilesystems.has(mount.fsType)) {
      cover(logical, 'excluded', `kernel filesystem ${mount.fsType}`)
      return 'stay'
    }
    if (!isRoot && spec.one_file_system && dev !== parentDev) {
      cover(logical, 'excluded', 'one_file_system')
      return 'stay'
    }
    if (frozen !== false || turn?.copyFile !== undefined) cover(logical, 'snapshot', undefined, turn?.unit)
    else if (turn?.reason === undefined) cover(logical, 'live')
    else cover(logical, isReadable(directory.physical) ? 'live' : 'hole', turn.reason)
    return 'enter'
  }

  return {
    entries: () =>
      walkTree({
        roots,
        placeOfRoot: (logical) => view?.placeOfRoot(logical) ?? { physical: logical, frozen: false, live: logical },
        ...(view === null ? {} : { view }),
        rules,
        symlinkPolicy: spec.symlink_policy,
        hardlinkPolicy: spec.hardlink_policy ?? 'keep',
        enter,
      }),
    coverage() {
      const items = new Map(seen)
      for (const mount of mounts.values()) {
        const path = mount.mountPoint
        if (!items.has(path) && roots.some((root) => path === root || isBelow(path, root))) {
          items.set(path, { path: pathText(path).text, unit: unitName(mount), read: 'excluded', reason: 'below an excluded or unreadable directory' })
        }
      }
      for (const root of roots) {
        if (items.has(root)) continue
        const place = view?.placeOfRoot(root)
        const turn = place === undefined ? undefined : view?.turnAt(place.live)
        const read = (place?.frozen ?? false) === false && turn?.copyFile === undefined ? 'live' : 'snapshot'
        items.set(root, {
          path: pathText(root).text,
          unit: turn?.unit ?? unitName(mountOf(mounts, root)),
          read,
          ...(turn?.reason === undefined ? {} : { reason: turn.reason }),
        })
      }
      return [...items.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** A path behind a directory that may not be passed is told as unreadable by the walk. */
function mayExist(path: BytePath): boolean {
  try {
    return statSync(fsPath(path), { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ELOOP'
  }
}

function unitName(mount: Mount | undefined): string {
  if (mount === undefined) return 'unknown'
  return `${mount.fsType}:${pathText(mount.source).text}${mount.root === '/' ? '' : `[${pathText(mount.root).text}]`}`
}

/** A subvolume that was itself made as a snapshot shows what was nested in its origin the same way, live too: as an empty directory. */
function isSameLive(live: BytePath, ino: number): boolean {
  try {
    return lstatSync(fsPath(live)).ino === ino
  } catch {
    return false
  }
}

function isReadable(directory: BytePath): boolean {
  try {
    accessSync(fsPath(directory), constants.R_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** By device and inode, not by name: a bind mount, a link or a snapshot shows the same directory elsewhere. */
function directoryIds(directory: BytePath, sameDevices: readonly { live: number; frozen: number }[]): string[] {
  const stats = statSync(fsPath(directory), { throwIfNoEntry: false })
  if (stats === undefined) return []
  const devices = [stats.dev, ...sameDevices.flatMap(({ live, frozen }) => (live === stats.dev ? [frozen] : []))]
  return devices.map((dev) => `${dev}:${stats.ino}`)
}

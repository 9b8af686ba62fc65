import { lstatSync, statSync } from 'node:fs'
import type { CoverageItem } from '../../../core/coverage.ts'
import { BastionError } from '../../../core/errors.ts'
import type { FilesystemSource } from '../../../core/filesystem-source.ts'
import { compilePathRules } from '../../../core/path-rules.ts'
import { type BytePath, fsPath, pathText, toBytePath } from '../../../lib/byte-path.ts'
import { type Mount, mountOf, readMountTable } from '../../../lib/mount-table.ts'
import type { PreparedSource } from '../source.ts'
import { walkTree } from './walk-tree.ts'

/** Filesystems that show the kernel, not data: never walked into from outside, shown in coverage as excluded. */
const kernelFilesystems = new Set([
  'autofs',
  'binfmt_misc',
  'bpf',
  'cgroup',
  'cgroup2',
  'configfs',
  'debugfs',
  'devpts',
  'devtmpfs',
  'efivarfs',
  'fusectl',
  'hugetlbfs',
  'mqueue',
  'nsfs',
  'proc',
  'pstore',
  'rpc_pipefs',
  'securityfs',
  'selinuxfs',
  'sysfs',
  'tracefs',
])

/**
 * Makes the trees of a `filesystem` source ready to be walked.
 * @param options.ownDirectories directories that are never part of a source, wherever they show up: the data directory, local target roots
 * @throws BastionError source_not_found · invalid_spec for a bad pattern
 */
export function prepareFilesystemSource(spec: FilesystemSource, options: { ownDirectories: readonly string[] }): PreparedSource {
  const paths = spec.paths.map((path) => normalize(toBytePath(path)))
  for (const path of paths) {
    if (!mayExist(path)) throw new BastionError('source_not_found', `the source path ${pathText(path).text} does not exist`)
  }
  const roots = outermost(paths)
  const rules =
    spec.include.length + spec.exclude.length === 0
      ? null
      : compilePathRules({ include: spec.include, exclude: spec.exclude, roots: roots.map((root) => pathText(root).text) })
  const own = new Set(options.ownDirectories.flatMap(directoryId))
  const mounts = readMountTable()
  const seen = new Map<BytePath, CoverageItem>()

  function cover(path: BytePath, read: CoverageItem['read'], reason?: string): void {
    const mount = mountOf(mounts, path)
    seen.set(path, { path: pathText(path).text, unit: unitName(mount), read, ...(reason === undefined ? {} : { reason }) })
  }

  function enter(directory: { logical: BytePath; dev: number; ino: number; parentDev: number | null }): 'enter' | 'stay' | 'leave' {
    const { logical, dev, ino, parentDev } = directory
    if (own.has(`${dev}:${ino}`)) {
      cover(logical, 'own', "Bastion's own data or a backup target")
      return 'leave'
    }
    const isRoot = parentDev === null
    const mount = mounts.get(logical)
    if (!isRoot && dev === parentDev && mount === undefined) return 'enter'
    if (!isRoot && mount !== undefined && kernelFilesystems.has(mount.fsType)) {
      cover(logical, 'excluded', `kernel filesystem ${mount.fsType}`)
      return 'stay'
    }
    if (!isRoot && spec.one_file_system && dev !== parentDev) {
      cover(logical, 'excluded', 'one_file_system')
      return 'stay'
    }
    cover(logical, 'live')
    return 'enter'
  }

  return {
    entries: () =>
      walkTree({
        roots,
        physicalOf: (logical) => ({ physical: logical, frozen: false }),
        rules,
        symlinkPolicy: spec.symlink_policy,
        hardlinkPolicy: spec.hardlink_policy ?? 'keep',
        enter,
      }),
    coverage() {
      const items = new Map(seen)
      for (const mount of mounts.values()) {
        const path = mount.mountPoint
        if (!items.has(path) && roots.some((root) => path === root || path.startsWith(root === '/' ? '/' : `${root}/`))) {
          items.set(path, { path: pathText(path).text, unit: unitName(mount), read: 'excluded', reason: 'below an excluded or unreadable directory' })
        }
      }
      for (const root of roots)
        if (!items.has(root)) items.set(root, { path: pathText(root).text, unit: unitName(mountOf(mounts, root)), read: 'live' })
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

/** Without `.`, `..`, doubled and trailing slashes: those would give one file two names. */
function normalize(path: BytePath): BytePath {
  const segments: BytePath[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

/** A path below another one is read with it. */
function outermost(paths: readonly BytePath[]): BytePath[] {
  const distinct = [...new Set(paths)]
  return distinct.filter((path) => !distinct.some((other) => other !== path && path.startsWith(other === '/' ? '/' : `${other}/`)))
}

/** By device and inode, not by name: a bind mount or a link shows the same directory elsewhere. */
function directoryId(directory: string): string[] {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  const real = stats?.isSymbolicLink() === true ? statSync(directory, { throwIfNoEntry: false }) : stats
  return real === undefined ? [] : [`${real.dev}:${real.ino}`]
}

import type { FilesystemSource } from '../../../core/filesystem-source.ts'
import { compilePathRules, type PathRules } from '../../../core/path-rules.ts'
import { type BytePath, pathText, toBytePath } from '../../../lib/byte-path.ts'

/** Filesystems that show the kernel, not data: never walked into from outside, shown in coverage as excluded. */
export const kernelFilesystems: ReadonlySet<string> = new Set([
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

/** The paths of a source without `.`, `..`, doubled and trailing slashes: those would give one file two names. */
export function sourcePaths(spec: FilesystemSource): BytePath[] {
  return spec.paths.map((path) => normalize(toBytePath(path)))
}

/** The paths that are walked: one below another is read with it. */
export function sourceRoots(spec: FilesystemSource): BytePath[] {
  const distinct = [...new Set(sourcePaths(spec))]
  return distinct.filter((path) => !distinct.some((other) => other !== path && isBelow(path, other)))
}

/** @returns `null` where everything is taken. @throws BastionError invalid_spec for a bad pattern */
export function sourceRules(spec: FilesystemSource): PathRules | null {
  if (spec.include.length + spec.exclude.length === 0) return null
  return compilePathRules({ include: spec.include, exclude: spec.exclude, roots: sourceRoots(spec).map((root) => pathText(root).text) })
}

export function isBelow(path: BytePath, directory: BytePath): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== directory
}

function normalize(path: BytePath): BytePath {
  const segments: BytePath[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { broken } from './fuzz-reader.ts'

/**
 * A destination and what lies beside it, with traps: links that stand in the destination and lead out, a file of somebody else's in it.
 * Whatever is restored, nothing of that may change.
 */
export interface TrappedDestination extends Disposable {
  readonly destination: string
  /** @param mayReplace under the policy `overwrite` a name in the destination may get another file; the one that was there stays as it was all the same */
  check(options: { mayReplace: boolean }): void
}

const longAgo = 1_000_000_000

/** @param folder which is made, and removed · `isEmpty` without anything in the destination */
export function trappedDestination(folder: string, { isEmpty }: { isEmpty: boolean }): TrappedDestination {
  const outside = path.join(folder, 'outside')
  const destination = path.join(folder, 'destination')
  mkdirSync(path.join(outside, 'dir'), { recursive: true })
  mkdirSync(destination)
  writeFileSync(path.join(outside, 'canary'), 'untouched')
  writeFileSync(path.join(outside, 'dir', 'canary'), 'untouched')
  symlinkSync('canary', path.join(outside, 'link'))
  let secretFd: number | null = null
  if (!isEmpty) {
    mkdirSync(path.join(destination, 'foreign'))
    writeFileSync(path.join(destination, 'foreign', 'secret'), 'somebody else’s', { mode: 0o600 })
    secretFd = openSync(path.join(destination, 'foreign', 'secret'), 'r')
    symlinkSync(outside, path.join(destination, 'trap'))
    symlinkSync(path.join(outside, 'canary'), path.join(destination, 'trap file'))
  }
  for (const name of ['canary', 'dir/canary', 'dir', '']) utimesSync(path.join(outside, name), longAgo, longAgo)
  const before = snapshotOf(outside)
  const secretInode = secretFd === null ? 0n : fstatSync(secretFd, { bigint: true }).ino

  return {
    destination,
    check({ mayReplace }) {
      const after = snapshotOf(outside)
      if (after !== before) throw broken('nothing outside of the destination is touched', [before, after])
      const leftovers = spawnSync('find', [destination, '-name', '.bastion-restore-*'], { encoding: 'latin1' }).stdout
      if (leftovers !== '') throw broken('no temporary file is left', leftovers)
      if (secretFd === null) return
      const { nlink, size, mode } = fstatSync(secretFd)
      if (nlink > 1) throw broken('nobody else’s file gets a name')
      if (readFileSync(`/proc/self/fd/${secretFd}`, 'utf8') !== 'somebody else’s' || (mode & 0o777) !== 0o600) {
        throw broken('nobody else’s file is changed', [size, mode.toString(8)])
      }
      const there = lstatSync(path.join(destination, 'foreign', 'secret'), { bigint: true, throwIfNoEntry: false })
      if (there?.ino !== secretInode && !mayReplace) throw broken('nobody else’s file is replaced')
      if (!mayReplace && readlinkSync(path.join(destination, 'trap')) !== outside) throw broken('nobody else’s link is replaced')
    },
    [Symbol.dispose]() {
      if (secretFd !== null) closeSync(secretFd)
      removeTree(folder)
    },
  }
}

/** Everything there is to know of a small tree; of what is large all but its content. */
export function snapshotOf(root: string): string {
  const lines: string[] = []
  for (const name of ['', ...readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted()]) {
    const file = path.join(root, name)
    const { ino, mode, nlink, uid, gid, size, mtimeNs, ctimeNs } = lstatSync(file, { bigint: true })
    const content = (mode & 0o170000n) === 0o100000n && size < 1_000_000n ? readFileSync(file, 'utf8') : ''
    lines.push([name, ino, mode, nlink, uid, gid, size, mtimeNs, ctimeNs, content].join(' '))
  }
  return lines.join('\n')
}

export function removeTree(folder: string): void {
  try {
    rmSync(folder, { recursive: true })
  } catch {
    // Deeper than a path can be long.
    spawnSync('chmod', ['-R', 'u+rwx', folder])
    const { status, stderr } = spawnSync('rm', ['-rf', '--one-file-system', folder], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`rm -rf ${folder}: ${stderr}`)
  }
}

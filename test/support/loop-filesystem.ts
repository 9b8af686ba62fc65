import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

type LoopKind = 'btrfs' | 'xfs' | 'ext4'

/** A filesystem in a file, mounted below the folder of the test run: what a test does not undo, the end of the run does. */
export interface LoopFilesystem extends AsyncDisposable {
  readonly path: string
  readonly device: string
  readonly image: string
  unmount(): Promise<void>
  mount(options?: string): Promise<void>
}

/** Why there can be none here, as the reason of a skipped test; absent when there can. */
export async function whyNoLoop(kind: LoopKind): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'a loop device needs root'
  return await (async () => {
    await using filesystem = await loopFilesystem(kind)
    return void filesystem
  })().catch((error: Error) => `no ${kind} on a loop device here: ${error.message.split('\n')[0] ?? ''}`)
}

export async function loopFilesystem(
  kind: LoopKind,
  options: { sizeBytes?: number; mount?: string; make?: readonly string[] } = {},
): Promise<LoopFilesystem> {
  const folder = await mkdtemp(path.join(tmpdir(), `bastion-${kind}-`))
  const image = path.join(folder, 'image')
  const mountPoint = path.join(folder, 'mnt')
  await mkdir(mountPoint)
  await using file = await open(image, 'wx')
  await file.truncate(options.sizeBytes ?? (kind === 'xfs' ? 320 : 256) * 2 ** 20)
  await exec(`/usr/sbin/mkfs.${kind}`, [kind === 'ext4' ? '-F' : '-f', '-q', ...(options.make ?? []), image])
  const device = (await exec('losetup', ['--find', '--show', image])).stdout.trim()
  let isMounted = false
  const filesystem: LoopFilesystem = {
    path: mountPoint,
    device,
    image,
    async mount(mountOptions) {
      await exec('mount', ['-t', kind, ...(mountOptions === undefined ? [] : ['-o', mountOptions]), device, mountPoint])
      isMounted = true
    },
    async unmount() {
      await exec('umount', [mountPoint])
      isMounted = false
    },
    async [Symbol.asyncDispose]() {
      if (isMounted) await exec('umount', ['--recursive', mountPoint])
      await exec('losetup', ['-d', device])
      await rm(folder, { recursive: true, force: true })
    },
  }
  await filesystem.mount(options.mount)
  return filesystem
}

/** The `btrfs` program, for a test to look and to meddle. */
export async function btrfs(...args: string[]): Promise<string> {
  return (await exec('btrfs', args, { env: { ...process.env, LC_ALL: 'C' } })).stdout
}

/** The paths of all subvolumes of a filesystem, below its top. */
export async function subvolumesOf(filesystem: LoopFilesystem): Promise<string[]> {
  const list = await btrfs('subvolume', 'list', filesystem.path)
  return list
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(line.indexOf(' path ') + ' path '.length))
    .toSorted()
}

/** A mount undone when it is disposed of: a bind mount, or a filesystem over something. */
export async function mounted(args: readonly string[], at: string): Promise<AsyncDisposable> {
  await exec('mount', [...args, at])
  return { [Symbol.asyncDispose]: async () => void (await exec('umount', [at])) }
}

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const exec = promisify(execFile)
const mebibyte = 1024 * 1024

/** A small filesystem of its own, unmounted when disposed of. */
async function mounted(kind: 'tmpfs' | 'ext4', sizeMebibytes: number): Promise<AsyncDisposable & { path: string }> {
  const folder = await temporaryFolder()
  const mountPoint = path.join(folder.path, 'disk')
  await mkdir(mountPoint)
  if (kind === 'tmpfs') {
    await exec('mount', ['-t', 'tmpfs', '-o', `size=${sizeMebibytes}m,mode=700`, 'tmpfs', mountPoint])
  } else {
    const image = path.join(folder.path, 'image')
    await writeFile(image, '')
    await exec('truncate', ['-s', `${sizeMebibytes}M`, image])
    await exec('mkfs.ext4', ['-q', '-F', '-m', '0', image])
    await exec('mount', ['-o', 'loop', image, mountPoint])
  }
  return {
    path: mountPoint,
    async [Symbol.asyncDispose]() {
      await exec('umount', [mountPoint])
      await folder[Symbol.asyncDispose]()
    },
  }
}

function whyNot(kind: 'tmpfs' | 'ext4'): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root'
  if (kind === 'ext4' && !existsSync('/dev/loop-control')) return 'no loop devices here'
  return undefined
}

async function* pieces(total: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < total; sent += mebibyte) yield Buffer.alloc(Math.min(mebibyte, total - sent), sent / mebibyte + 1)
}

for (const kind of ['tmpfs', 'ext4'] as const) {
  describe(`a full disk (${kind})`, () => {
    test('is told as such, keeps what was stored, leaves nothing half, and takes more once there is room', async ({ skip }) => {
      const reason = whyNot(kind)
      if (reason !== undefined) skip(reason)
      await using disk = await mounted(kind, 16)
      const root = path.join(disk.path, 'backups')
      const target = createLocalDirTarget({ path: root })
      await target.put('job/run/part1', pieces(4 * mebibyte))
      await target.put('job/run/part2', pieces(4 * mebibyte))
      const full = { code: 'target_full', retryable: false }
      await expect(target.put('job/run/part3', pieces(20 * mebibyte))).rejects.toMatchObject(full)
      await expect(target.put('job/run/part1', Buffer.alloc(20 * mebibyte))).rejects.toMatchObject(full)
      expect((await readdir(path.join(root, 'job/run'))).toSorted()).toEqual(['part1', 'part2'])
      let first = 0
      for await (const chunk of await target.get('job/run/part1')) {
        expect(chunk.every((byte) => byte === first / mebibyte + 1)).toBe(true)
        first += chunk.length
      }
      expect(first).toBe(4 * mebibyte)
      await target.remove('job/run/part1')
      await target.put('job/run/part3', pieces(4 * mebibyte))
      await target.flush!('job')
    })
  })
}

test('a disk that is mounted read-only is a matter of permission, and can still be read', async ({ skip }) => {
  const reason = whyNot('tmpfs')
  if (reason !== undefined) skip(reason)
  await using disk = await mounted('tmpfs', 4)
  await createLocalDirTarget({ path: disk.path }).put('job/object', Buffer.from('x'))
  await exec('mount', ['-o', 'remount,ro', disk.path])
  const target = createLocalDirTarget({ path: disk.path })
  for await (const chunk of await target.get('job/object')) expect(Buffer.from(chunk).toString()).toBe('x')
  const denied = { code: 'target_permission', message: expect.stringContaining('read-only') }
  await expect(target.put('job/object', Buffer.from('y'))).rejects.toMatchObject(denied)
  await expect(target.put('new/object', Buffer.from('y'))).rejects.toMatchObject(denied)
  await expect(target.remove('job/object')).rejects.toMatchObject(denied)
  await expect(target.removeTree('job')).rejects.toMatchObject(denied)
})

test('a disk unmounted while it is used is not replaced by the folder it was mounted on', async ({ skip }) => {
  const reason = whyNot('tmpfs')
  if (reason !== undefined) skip(reason)
  await using disk = await mounted('tmpfs', 4)
  const target = createLocalDirTarget({ path: disk.path })
  await target.put('job/run/part1', Buffer.from('x'))
  await exec('umount', [disk.path])
  try {
    await expect(target.put('job/run/part2', Buffer.from('y'))).rejects.toMatchObject({ code: 'target_identity' })
    await expect(target.put('job/new-run/part1', Buffer.from('y'))).rejects.toMatchObject({ code: 'target_identity' })
    expect(await readdir(disk.path)).toEqual([])
  } finally {
    await exec('mount', ['-t', 'tmpfs', 'tmpfs', disk.path])
  }
})

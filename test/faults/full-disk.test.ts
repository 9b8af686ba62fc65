import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatSchema } from '../../src/core/artifact.ts'
import { bastion, errorCodeOf, runBastion } from '../support/bastion-process.ts'
import { filesBelow } from '../support/look-at-process.ts'
import { writeSampleFile } from '../support/sample-files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'

const mebibyte = 2 ** 20
const skipReason = await whyNoTmpfs()

describe('a disk that is full', () => {
  test.for(formatSchema.options)(
    'under the target ends a backup as %s with target_full, takes the run back, and does for a smaller one',
    async (format, { skip }) => {
      skip(skipReason !== undefined, skipReason)
      await using folder = await temporaryFolder()
      const source = path.join(folder.path, 'large.bin')
      writeSampleFile(source, 24 * mebibyte)
      await using disk = await mountTmpfs(path.join(folder.path, 'disk'), 16 * mebibyte)
      const target = path.join(disk.path, 'backups')
      const own = ['--job-id', 'full', '--data-dir', path.join(folder.path, 'data'), '--json']
      const args = ['--to', target, '--format', format, '--part-size', '4', '--snapshot', 'off', ...own]

      const end = await runBastion(['backup', source, ...args])
      expect(end.code).toBe(1)
      expect(errorCodeOf(end)).toBe('target_full')
      expect((await filesBelow(disk.path)).map((file) => path.basename(file))).toEqual(['bastion-target.json'])
      expect(await readdir(path.join(folder.path, 'data', 'runs'))).toEqual([])
      expect((await bastion(['list', target, '--json'])).stdout).toBe('')

      await rm(source)
      writeSampleFile(source, 8 * mebibyte)
      await bastion(['backup', source, ...args])
      await bastion(['verify', `${target}/full@latest`])
    },
  )

  test('under the place of a restore ends it in the middle of a large file, and leaves whole files only', async ({ skip }) => {
    skip(skipReason !== undefined, skipReason)
    await using folder = await temporaryFolder()
    const source = path.join(folder.path, 'source')
    await mkdir(source)
    writeSampleFile(path.join(source, 'a'), mebibyte)
    writeSampleFile(path.join(source, 'b'), 24 * mebibyte)
    const target = path.join(folder.path, 'backups')
    const own = ['--job-id', 'full', '--data-dir', path.join(folder.path, 'data'), '--json']
    await bastion(['backup', source, '--to', target, '--snapshot', 'off', ...own])
    await using disk = await mountTmpfs(path.join(folder.path, 'disk'), 16 * mebibyte)
    const end = await runBastion(['restore', `${target}/full@latest`, '--to', disk.path, '--json'])
    expect(end.code).toBe(1)
    expect(errorCodeOf(end)).toBe('restore_failed')
    expect(end.stderr).toContain('is full: ENOSPC at')
    const left = await filesBelow(disk.path)
    expect(left.filter((file) => path.basename(file) !== 'a')).toEqual([])
    for (const file of left) expect((await readFile(file)).equals(await readFile(path.join(source, 'a')))).toBe(true)
  })

  test('under the target to its last byte leaves nothing of a run that cannot even begin', async ({ skip }) => {
    skip(skipReason !== undefined, skipReason)
    await using folder = await temporaryFolder()
    const source = path.join(folder.path, 'small.bin')
    writeSampleFile(source, 1000)
    await using disk = await mountTmpfs(path.join(folder.path, 'disk'), mebibyte)
    const args = ['--to', disk.path, '--job-id', 'full', '--snapshot', 'off', '--data-dir', path.join(folder.path, 'data'), '--json']
    await bastion(['backup', source, ...args])
    const before = await filesBelow(disk.path)
    fillUp(disk.path)
    const end = await runBastion(['backup', source, ...args])
    expect(errorCodeOf(end)).toBe('target_full')
    await rm(path.join(disk.path, 'filling'))
    expect(await filesBelow(disk.path)).toEqual(before)
  })
})

/** Leaves no free byte on the disk of `folder`. */
function fillUp(folder: string): void {
  expect(() => writeSampleFile(path.join(folder, 'filling'), 64 * mebibyte)).toThrow('ENOSPC')
}

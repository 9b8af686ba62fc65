import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { renameNoReplace } from '../../src/lib/posix-rename.ts'
import { createFilesystemSync, syncDirectory } from '../../src/lib/posix-sync.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('a filesystem is synced by the system call, or by the command where that is left out', async ({ skip }) => {
  if (process.platform !== 'linux') skip('syncfs is a system call of Linux')
  await using folder = await temporaryFolder()
  const sync = createFilesystemSync()
  expect(await sync(folder.path)).toBe('syncfs')
  expect(await sync(folder.path)).toBe('syncfs')
  expect(await createFilesystemSync({ native: false })(folder.path)).toBe('sync_command')
})

test('syncing what is not there, or is no directory, says so', async () => {
  await using folder = await temporaryFolder()
  await writeFile(path.join(folder.path, 'file'), '')
  for (const sync of [syncDirectory, createFilesystemSync(), createFilesystemSync({ native: false })]) {
    await expect(sync(path.join(folder.path, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(sync(path.join(folder.path, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' })
    await sync(folder.path)
  }
})

test('a rename that replaces nothing gives the name to exactly one of many', async ({ skip }) => {
  await using folder = await temporaryFolder()
  const wanted = path.join(folder.path, 'wanted')
  const names = Array.from({ length: 20 }, (_, i) => path.join(folder.path, `ü-${i}`))
  for (const [i, name] of names.entries()) await writeFile(name, String(i))
  if (!(await renameNoReplace(names[0]!, wanted))) skip('no renameat2 here')
  const outcomes = await Promise.allSettled(names.slice(1).map((name) => renameNoReplace(name, wanted)))
  for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'EEXIST' } })
  expect(await readFile(wanted, 'utf8')).toBe('0')
  await mkdir(path.join(folder.path, 'directory'))
  await expect(renameNoReplace(path.join(folder.path, 'absent'), path.join(folder.path, 'x'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readdir(folder.path)).toHaveLength(21)
})

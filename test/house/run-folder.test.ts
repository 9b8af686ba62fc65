import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openRunFolder } from '../support/run-folder.ts'

test('a test run has one folder for all it creates, and reaps what runs that are no more left, and nothing else', async () => {
  const parent = tmpdir()
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const names = { left: `bastion-test-${dead}-abcDEF`, running: `bastion-test-${process.ppid}-abcDEF`, foreign: 'bastion-test-notes' }
  for (const name of Object.values(names)) await mkdir(path.join(parent, name, 'locked'), { recursive: true })
  await writeFile(Buffer.concat([Buffer.from(path.join(parent, names.left, 'locked/')), Buffer.from([0xff])]), '')
  await chmod(path.join(parent, names.left, 'locked'), 0o555)

  const folder = await openRunFolder()
  expect(tmpdir()).toBe(folder.path)
  const seen = await readdir(parent)
  expect(seen).not.toContain(names.left)
  expect(seen).toEqual(expect.arrayContaining([names.running, names.foreign, path.basename(folder.path)]))

  await folder.remove()
  expect(tmpdir()).toBe(parent)
  expect(await readdir(parent)).not.toContain(path.basename(folder.path))
  for (const name of [names.running, names.foreign]) await rm(path.join(parent, name), { recursive: true })
})

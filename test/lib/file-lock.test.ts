import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createFileLocker } from '../../src/lib/file-lock.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tryLock = createFileLocker()!

test('a lock is held once, and free again when it is let go', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'lock')
  {
    using held = tryLock(file)
    expect(held).not.toBeNull()
    expect(tryLock(file)).toBeNull()
  }
  using again = tryLock(file)
  expect(again).not.toBeNull()
})

test('it stays held as long as a program that inherited it lives', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'lock')
  const held = tryLock(file)!
  const child = spawn('/bin/sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', held.fd] })
  await once(child, 'spawn')
  held[Symbol.dispose]()
  expect(tryLock(file)).toBeNull()
  child.kill('SIGKILL')
  await once(child, 'close')
  using free = tryLock(file)
  expect(free).not.toBeNull()
})

test('a lock on a name that was removed is not taken for one', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'lock')
  using first = tryLock(file)
  rmSync(file)
  using second = tryLock(file)
  expect([first !== null, second !== null, existsSync(file)]).toEqual([true, true, true])
  expect(tryLock(file)).toBeNull()
})

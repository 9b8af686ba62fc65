import { closeSync, ftruncateSync, lstatSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { writeAroundZeros } from '../../src/lib/write-around-zeros.ts'
import { seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('what is written around its zeros reads as it was, in pieces of any size', async () => {
  await using folder = await temporaryFolder()
  const random = seededRandom()
  for (let round = 0; round < 30; round++) {
    const whole = Buffer.alloc(1 + Math.floor(random() * 100_000))
    for (let run = 0; run < 4; run++) whole.fill(Math.floor(random() * 3), Math.floor(random() * whole.length), Math.floor(random() * whole.length))
    const file = path.join(folder.path, String(round))
    const fd = openSync(file, 'wx')
    for (let at = 0; at < whole.length;) {
      const piece = whole.subarray(at, at + 1 + Math.floor(random() * 30_000))
      writeAroundZeros(fd, piece, at)
      at += piece.length
    }
    ftruncateSync(fd, whole.length)
    closeSync(fd)
    expect(readFileSync(file).equals(whole)).toBe(true)
  }
})

test('zeros take no room', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'file')
  const fd = openSync(file, 'wx')
  for (let at = 0; at < 64 * 2 ** 20; at += 2 ** 20) writeAroundZeros(fd, Buffer.alloc(2 ** 20), at)
  writeAroundZeros(fd, Buffer.from('end'), 64 * 2 ** 20)
  closeSync(fd)
  expect(lstatSync(file)).toMatchObject({ size: 64 * 2 ** 20 + 3 })
  expect(lstatSync(file).blocks * 512).toBeLessThan(100_000)
})

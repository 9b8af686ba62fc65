import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createHoleFinder, type DataSegments } from '../../src/lib/posix-holes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const page = 4096

test.each<[what: string, sizeBytes: number, written: DataSegments, maxSegments: number, found: DataSegments | null]>([
  ['nothing but a hole', 10 * page, [], 10, []],
  ['no hole', 2 * page + 1, [[0, 2 * page + 1]], 10, null],
  ['nothing at all', 0, [], 10, null],
  ['holes on both sides', 10 * page, [[3 * page, page]], 10, [[3 * page, page]]],
  ['data at its end', 10 * page + 5, [[10 * page, 5]], 10, [[10 * page, 5]]],
  [
    'more data than may be told, the smaller holes filled',
    40 * page,
    [
      [0, page],
      [2 * page, page],
      [10 * page, page],
      [30 * page, page],
      [32 * page, page],
    ],
    3,
    [
      [0, 3 * page],
      [10 * page, page],
      [30 * page, 3 * page],
    ],
  ],
])('a file with %s', async (_, sizeBytes, written, maxSegments, found) => {
  await using folder = await temporaryFolder()
  const fd = openSync(path.join(folder.path, 'file'), 'w+')
  ftruncateSync(fd, sizeBytes)
  for (const [offset, length] of written) writeSync(fd, Buffer.alloc(length, 1), 0, length, offset)
  const finder = createHoleFinder()!
  const segments = finder.find(fd, sizeBytes, maxSegments)
  closeSync(fd)
  // A file of no bytes has neither data nor holes.
  expect(sizeBytes === 0 ? null : segments).toEqual(found)
})

import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { hasCode } from '../../../src/core/errors.ts'
import { openEntriesIndex } from '../../../src/engine/formats/entries-index-reader.ts'
import type { RangeReader } from '../../../src/engine/formats/range-reader.ts'
import { forgeFrames } from '../../support/fuzz/forge-frames.ts'
import { all, fileLine, forgedIndex, header, readerOf, storedIndex } from './index-fixture.ts'

const headerLine = `${JSON.stringify(header)}\n`

/** Reads everything there is every way there is. True when nothing was wrong; throws what is neither that nor artifact_damaged. */
async function isWhole(bytes: Buffer, count: number): Promise<boolean> {
  try {
    const index = await openEntriesIndex(readerOf(bytes), { count })
    await index.find('b/2')
    await all(index.children(''))
    await all(index.children('b'))
    await all(index.scan({ reverse: true }))
    await all(index.scan({ below: 'b' }))
    await all(index.scan())
    return true
  } catch (error) {
    if (hasCode(error, 'artifact_damaged')) return false
    throw error
  }
}

function lines(...paths: string[]): string {
  return paths.map((path) => `${fileLine(path)}\n`).join('')
}

function lookup(...paths: unknown[]): string {
  return `${JSON.stringify({ lookup: paths })}\n`
}

describe('a forged index', () => {
  test('that is right is read', async () => {
    expect(await isWhole(forgedIndex([headerLine, lines('a', 'b'), lines('b/1', 'b/2'), lookup('a', 'b/1')]), 4)).toBe(true)
  })

  const ok = lines('a', 'b')
  const table: [string, string[], number][] = [
    ['no frames', [], 0],
    ['a header and no lookup', [headerLine], 0],
    ['a header that is none', ['{"v":2}\n', lookup()], 0],
    ['a header without its newline', [headerLine.trimEnd(), lookup()], 0],
    ['two lines of header', [headerLine + headerLine, lookup()], 0],
    ['a lookup that is none', [headerLine, '{"lookup":{}}\n'], 0],
    ['more frames than its lookup names', [headerLine, ok, lines('c'), lookup('a')], 3],
    ['fewer frames than its lookup names', [headerLine, ok, lookup('a', 'c')], 2],
    ['more frames than there are entries', [headerLine, ok, lines('c'), lookup('a', 'c')], 1],
    ['more entries than promised', [headerLine, ok, lookup('a')], 1],
    ['fewer entries than promised', [headerLine, ok, lookup('a')], 3],
    ['an empty frame', [headerLine, ok, '', lookup('a', 'c')], 2],
    ['a frame of an empty line', [headerLine, ok, '\n', lookup('a', 'c')], 3],
    ['a last line without newline', [headerLine, ok.trimEnd(), lookup('a')], 2],
    ['paths out of order', [headerLine, lines('b', 'a'), lookup('b')], 2],
    ['a path twice', [headerLine, lines('a', 'a'), lookup('a')], 2],
    ['frames out of order', [headerLine, lines('b'), lines('a'), lookup('b', 'a')], 2],
    ['frames that overlap', [headerLine, lines('a', 'c'), lines('b'), lookup('a', 'b')], 3],
    ['a path in two frames', [headerLine, lines('a', 'b'), lines('b'), lookup('a', 'b')], 3],
    ['another first path than its lookup says', [headerLine, ok, lookup('A')], 2],
    ['an unsafe path', [headerLine, lines('..'), lookup('..')], 1],
    ['an unsafe path as bytes', [headerLine, lines('a'), lookup({ b64: 'Li4=' })], 1],
    ['a line that is no object', [headerLine, `${ok}[]\n`, lookup('a')], 3],
    ['two objects in a line', [headerLine, ok.replace('\n', ','), lookup('a')], 2],
    ['a line that is no JSON', [headerLine, `${ok}{\n`, lookup('a')], 3],
    ['a lookup of more values than it has frames', [headerLine, ok, `{"lookup":["a"${',{}'.repeat(9)}]}\n`], 2],
    [
      'a header nested too deep to be told',
      [headerLine.replace('"spec":{}', `"spec":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`), ok, lookup('a')],
      2,
    ],
    ['a path longer than a member can have', [headerLine, lines('x'.repeat(65_537)), lookup('x'.repeat(65_537))], 1],
    ['a frame above the limit', [headerLine, `${ok}${' '.repeat(1 << 20)}\n`, lookup('a')], 2],
  ]
  test.each(table)('with %s is damaged', async (_, frames, count) => {
    expect(await isWhole(forgedIndex(frames), count)).toBe(false)
  })

  test('whose text is not UTF-8 is damaged', async () => {
    const text = lines('b').replace('"b"', '"b\xff"')
    expect(await isWhole(forgedIndex([headerLine, text, lookup('b\xff')]), 1)).toBe(true)
    expect(await isWhole(forgedIndex([headerLine, Buffer.from(text, 'latin1'), lookup('b\xff')]), 1)).toBe(false)
    expect(await isWhole(forgedIndex([headerLine, Buffer.from(text, 'latin1'), lookup('b\ufffd')]), 1)).toBe(false)
  })

  test('of a later version is read as far as it is known, and says how much is not', async () => {
    const newer = `${fileLine('a').replace('{', '{"from":"r1","x":{"y":[]},')}\n${fileLine('b').replace('"file"', '"whiteout"')}\n${fileLine('c')}\n`
    const index = await openEntriesIndex(readerOf(forgedIndex([headerLine, newer, lookup('a')])), { count: 3 })
    expect(index.warnings).toBe(0)
    for (let round = 0; round < 2; round++) {
      const entries = (await all(index.scan())).flat()
      expect(entries.map((entry) => entry.bytes)).toEqual(['a', 'c'])
      expect(entries[0]).not.toHaveProperty('from')
      expect(await index.find('b')).toBe(null)
      expect(index.warnings).toBe(3)
    }
  })
})

test('a frame of 4 GiB by its table is refused before it is asked for', async () => {
  for (const frame of [0, 1, 2]) {
    const plains = [headerLine, lines('a'), lookup('a')].map((text) => Buffer.from(text))
    let sizeBytes = 0
    const { bytes } = forgeFrames(plains, (sizes) => {
      sizeBytes = 2 ** 32 - 1 - sizes[frame]!.stored
      sizes[frame]!.stored = 2 ** 32 - 1
    })
    sizeBytes += bytes.length
    const asked: number[] = []
    const reader: RangeReader = {
      ...readerOf(bytes),
      sizeBytes,
      read(offset, length) {
        asked.push(length)
        // As if what comes before the end were endless.
        const behind = sizeBytes - offset - length
        return Promise.resolve(
          Buffer.concat([Buffer.alloc(2 ** 16), bytes])
            .subarray(0, -behind || undefined)
            .subarray(-Math.min(length, 2 ** 16)),
        )
      },
    }
    await expect(openEntriesIndex(reader, { count: 1 })).rejects.toMatchObject({ code: 'artifact_damaged' })
    expect(Math.max(...asked)).toBeLessThan(2 ** 27)
  }
})

test('an index of more content than promised is damaged', async () => {
  const bytes = forgedIndex([headerLine, lines('a', 'b', 'c'), lookup('a')])
  for (const [contentBytes, isRead] of [
    [2, false],
    [3, true],
  ] as const) {
    const index = await openEntriesIndex(readerOf(bytes), { count: 3, contentBytes })
    const scanned = await all(index.scan()).then(
      () => true,
      (error: unknown) => !hasCode(error, 'artifact_damaged'),
    )
    expect(scanned).toBe(isRead)
  }
})

test('what a name reads like is made from its bytes', async () => {
  const line = fileLine('caf\xe9', { kind: 'symlink', target: '\xff' })
    .replace('"path":"', '"path":"harmless')
    .replace('"target":"', '"target":"harmless')
  const index = await openEntriesIndex(readerOf(forgedIndex([headerLine, `${line}\n`, lookup({ b64: 'Y2Fm6Q==' })])), { count: 1 })
  expect(await index.find('caf\xe9')).toMatchObject({ path: 'caf\ufffd', target: '\ufffd' })
})

describe('a mutated index', () => {
  let stored: Buffer
  const paths = ['a', 'a-', 'b', 'b/1', 'b/2', 'b/3', 'c\xff']
    .flatMap((path) => [path, ...Array.from({ length: 30 }, (_, i) => `${path}/${10 + i}`)])
    .sort()
  beforeAll(async () => {
    stored = await storedIndex(paths, { frameBytes: 2000 })
    expect(await isWhole(stored, paths.length)).toBe(true)
  })

  test('is damaged or says the same, and reading it ends', async () => {
    const change = fc.record({
      at: fc.nat(1_000_000),
      value: fc.nat(255),
      action: fc.constantFrom('set', 'set', 'set', 'insert', 'remove', 'cut', 'table'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let bytes = Buffer.from(stored)
        for (const { at, value, action } of changes) {
          // "table" aims at the seek table, where no checksum is.
          const offset = action === 'table' ? Math.max(0, bytes.length - 1 - (at % 200)) : at % Math.max(1, bytes.length)
          if (action === 'insert') bytes = Buffer.concat([bytes.subarray(0, offset), Buffer.from([value]), bytes.subarray(offset)])
          else if (action === 'remove') bytes = Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + 1)])
          else if (action === 'cut') bytes = bytes.subarray(0, offset)
          else if (bytes.length > 0) bytes[offset] = value
        }
        await isWhole(bytes, paths.length)
      }),
      { numRuns: 1500 },
    )
  })

  test('with valid frames of mutated text is damaged or read, and reading it ends', async () => {
    const texts = [headerLine, lines('a', 'a-', 'b'), lines('b/1', 'b/2', 'c'), lookup('a', 'b/1')]
    const pieces = fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '\n',
      '0',
      '-',
      '/',
      '..',
      'null',
      '"a"',
      '"kind"',
      '\0',
      '\ud800',
      '1e999',
      '',
    )
    const change = fc.record({ frame: fc.nat(3), at: fc.nat(2000), length: fc.nat(8), piece: pieces })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const mutated = [...texts]
        for (const { frame, at, length, piece } of changes) {
          const text = mutated[frame]!
          const offset = at % (text.length + 1)
          mutated[frame] = text.slice(0, offset) + piece + text.slice(offset + length)
        }
        await isWhole(forgedIndex(mutated), 6)
      }),
      { numRuns: 1500 },
    )
  })
})

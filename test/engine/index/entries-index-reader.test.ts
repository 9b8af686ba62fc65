import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EntriesIndex, IndexedEntry, ScanOptions } from '../../../src/engine/formats/entries-index-reader.ts'
import { openEntriesIndex } from '../../../src/engine/formats/entries-index-reader.ts'
import type { BytePath } from '../../../src/lib/byte-path.ts'
import { all, anyPath, anyPaths, type CountingReader, header, readerOf, storedIndex } from './index-fixture.ts'

async function open(paths: readonly BytePath[], frameBytes = 300): Promise<EntriesIndex> {
  return openEntriesIndex(readerOf(await storedIndex(paths, { frameBytes })), { count: paths.length })
}

function names(entries: readonly IndexedEntry[]): BytePath[] {
  return entries.map((entry) => entry.bytes)
}

async function scanned(index: EntriesIndex, options?: ScanOptions): Promise<BytePath[]> {
  return names((await all(index.scan(options))).flat())
}

async function childrenOf(index: EntriesIndex, directory: BytePath): Promise<BytePath[]> {
  return names(await all(index.children(directory)))
}

/** What `children` must give, by looking at every path. */
function expectedChildren(paths: readonly BytePath[], directory: BytePath): BytePath[] {
  const prefix = directory === '' ? '' : `${directory}/`
  const below = paths.filter((path) => path.startsWith(prefix) && path !== directory)
  return [...new Set(below.map((path) => prefix + path.slice(prefix.length).split('/', 1)[0]!))]
}

test('what was added is found, listed and scanned, whatever the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(anyPaths, fc.array(anyPath, { maxLength: 5 }), fc.constantFrom(1, 300, 262_144), async (paths, others, frameBytes) => {
      const index = await open(paths, frameBytes)
      expect(await scanned(index)).toEqual(paths)
      expect(await scanned(index, { reverse: true })).toEqual(paths.toReversed())
      for (const path of paths) expect((await index.find(path))?.bytes).toBe(path)
      for (const path of others) expect((await index.find(path))?.bytes).toBe(paths.includes(path) ? path : undefined)
      const directories = new Set([
        '',
        ...others,
        ...paths.flatMap((path) => path.split('/').map((_, depth, parts) => parts.slice(0, depth).join('/'))),
      ])
      for (const directory of directories) {
        // An implicit directory is told where its first descendant is met, which may be after names that begin with its own.
        expect((await childrenOf(index, directory)).sort()).toEqual(expectedChildren(paths, directory).sort())
        expect(await scanned(index, { below: directory })).toEqual(paths.filter((path) => directory === '' || path.startsWith(`${directory}/`)))
      }
      for (const from of [...others, ...paths.slice(0, 5)]) {
        const below = paths.at(-1)?.split('/')[0] ?? ''
        for (const scope of ['', below]) {
          const within = paths.filter((path) => scope === '' || path.startsWith(`${scope}/`))
          expect(await scanned(index, { from, below: scope })).toEqual(within.filter((path) => path >= from))
          expect(await scanned(index, { from, below: scope, reverse: true })).toEqual(within.filter((path) => path <= from).reverse())
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('children can be listed from any one of them on', async () => {
  await fc.assert(
    fc.asyncProperty(anyPaths, fc.constantFrom(1, 300), async (paths, frameBytes) => {
      const index = await open(paths, frameBytes)
      for (const directory of new Set(['', ...paths.map((path) => path.split('/')[0]!)])) {
        const children = await all(index.children(directory))
        for (const [i, after] of children.entries()) expect(await all(index.children(directory, after))).toEqual(children.slice(i + 1))
      }
    }),
    { numRuns: 100 },
  )
})

test('children of a directory come in byte order between the contents of their siblings', async () => {
  const index = await open(['a', 'a-', 'a--', 'a--/x', 'a-/x', 'a-b', 'a-b/c', 'a/a', 'a/a/x', 'a/b', 'a0', 'b'], 1)
  expect(await childrenOf(index, '')).toEqual(['a', 'a-', 'a--', 'a-b', 'a0', 'b'])
  expect(await childrenOf(index, 'a')).toEqual(['a/a', 'a/b'])
  expect(await childrenOf(index, 'a-')).toEqual(['a-/x'])
  expect(await childrenOf(index, 'b')).toEqual([])
  expect(await childrenOf(index, 'zz')).toEqual([])
})

test('a directory without a line of its own shows as implicit', async () => {
  const index = await open(['srv/app', 'srv/app/x', 'var\xff/log/y'])
  const top = await all(index.children(''))
  expect(top.map((entry) => [entry.bytes, entry.path, entry.kind, entry.implicit])).toEqual([
    ['srv', 'srv', 'dir', true],
    ['var\xff', 'var\ufffd', 'dir', true],
  ])
  expect((await all(index.children('srv'))).map((entry) => entry.implicit)).toEqual([undefined])
})

test('an empty index has a header and nothing else', async () => {
  const index = await open([])
  expect(index.header).toEqual(header)
  expect(await scanned(index)).toEqual([])
  expect(await scanned(index, { reverse: true })).toEqual([])
  expect(await childrenOf(index, '')).toEqual([])
  expect(await index.find('a')).toBe(null)
})

test('a scan can be left at any point', async () => {
  const index = await open(
    Array.from({ length: 200 }, (_, i) => `f${1000 + i}`),
    1000,
  )
  for await (const entries of index.scan()) {
    expect(entries[0]!.bytes).toBe('f1000')
    break
  }
  expect(await index.find('f1199')).not.toBe(null)
})

test('a scan ends when its signal does', async () => {
  const index = await open(
    Array.from({ length: 3000 }, (_, i) => `f${10_000 + i}`),
    1000,
  )
  const controller = new AbortController()
  const reading = async () => {
    for await (const entries of index.scan({ signal: controller.signal })) {
      if (entries.length > 0) controller.abort(new Error('enough'))
    }
  }
  await expect(reading()).rejects.toThrow('enough')
})

describe('an index of 300 000 entries', () => {
  let bytes: Buffer
  let paths: BytePath[]

  beforeAll(async () => {
    paths = ['home', 'home/a', 'home/b']
    for (let i = 0; i < 150_000; i++) paths.push(`home/a/huge/${hash(i)}`)
    for (let i = 0; i < 149_900; i++) paths.push(`home/b/${hash(i % 300)}/${hash(i)}`)
    for (let i = 0; i < 97; i++) paths.push(`home/c-${100 + i}`)
    paths.sort()
    bytes = await storedIndex(paths)
  })

  async function counted(use: (index: EntriesIndex, reader: CountingReader) => Promise<void>): Promise<CountingReader> {
    const reader = readerOf(bytes)
    await use(await openEntriesIndex(reader, { count: paths.length }), reader)
    return reader
  }

  test('finds one of them by reading less than 2 MiB in four requests', async () => {
    for (const path of [paths[0]!, paths[123_456]!, paths.at(-1)!]) {
      const { bytesRead, requests } = await counted(async (index) => {
        expect((await index.find(path))?.bytes).toBe(path)
      })
      expect(bytesRead).toBeLessThan(2 * 1024 * 1024)
      expect(requests).toBeLessThanOrEqual(4)
    }
  })

  test('lists a directory beside huge siblings without reading them', async () => {
    const { bytesRead } = await counted(async (index) => {
      expect(await childrenOf(index, '')).toEqual(['home'])
      const children = await childrenOf(index, 'home')
      expect(children).toHaveLength(99)
      expect(children.slice(0, 3)).toEqual(['home/a', 'home/b', 'home/c-100'])
    })
    expect(bytesRead).toBeLessThan(2 * 1024 * 1024)
    expect(bytes.length).toBeGreaterThan(5 * 1024 * 1024)
  })

  test('lists a large directory in few requests', async () => {
    const { requests } = await counted(async (index) => {
      expect(await childrenOf(index, 'home/a/huge')).toHaveLength(150_000)
    })
    expect(requests).toBeLessThan(20)
  })

  test('scans all of them both ways in few requests, each byte once', async () => {
    const forward = await counted(async (index) => {
      expect(await scanned(index)).toEqual(paths)
    })
    const backward = await counted(async (index) => {
      expect(await scanned(index, { reverse: true })).toEqual(paths.toReversed())
    })
    for (const { requests, bytesRead } of [forward, backward]) {
      expect(requests).toBeLessThan(20)
      expect(bytesRead).toBeLessThan(bytes.length + 128 * 1024)
    }
  })
})

function hash(i: number): string {
  return (
    Math.imul(i + 1, 0x9e3779b1)
      .toString(36)
      .padStart(8, '_') + i
  )
}

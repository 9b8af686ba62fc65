import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { indexHeaderSchema, indexLookupSchema, type Entry } from '../../../src/core/entry.ts'
import { openEntriesIndex } from '../../../src/engine/formats/entries-index-reader.ts'
import { createIndexWriter } from '../../../src/engine/formats/entries-index-writer.ts'
import type { BytePath } from '../../../src/lib/byte-path.ts'
import { pathText } from '../../../src/lib/byte-path.ts'
import { all, anyPaths, collect, emptyFolder, fileLine, openLine, place, header, readerOf, storedIndex } from './index-fixture.ts'

const numbered = (count: number): BytePath[] => Array.from({ length: count }, (_, i) => `dir/secret-name-${100_000 + i}`)

async function entriesOf(bytes: Buffer, count: number) {
  const index = await openEntriesIndex(readerOf(bytes), { count })
  return (await all(index.scan())).flat()
}

describe('stock zstd', () => {
  test('opens an index, and every line of it is JSON', async () => {
    const paths = ['a\xff', 'b"\\\n', ...numbered(5000)].sort()
    const bytes = await storedIndex(paths, { frameBytes: 10_000 })
    const zstd = spawnSync('zstd', ['-dc'], { input: bytes, maxBuffer: 1 << 28 })
    expect([zstd.status, zstd.stderr.toString()]).toEqual([0, ''])
    const lines = zstd.stdout.toString().split('\n')
    expect(lines.pop()).toBe('')
    const [first, ...rest] = lines.map((line) => JSON.parse(line) as unknown)
    expect(indexHeaderSchema.parse(first)).toEqual(header)
    const { lookup } = indexLookupSchema.parse(rest.pop())
    expect(lookup[0]).toEqual({ b64: 'Yf8=' })
    expect((rest as Entry[]).map((entry) => entry.path)).toEqual(paths.map((path) => pathText(path).text))
  })
})

describe('replacements', () => {
  test('swap or drop the lines of their paths and leave all else alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyPaths,
        fc.infiniteStream(fc.constantFrom('keep', 'keep', 'swap', 'grow', 'drop')),
        fc.constantFrom(1, 400, 100_000),
        async (paths, fates, frameBytes) => {
          await using folder = await emptyFolder()
          await using writer = createIndexWriter({ spillDirectory: folder.path, frameBytes, memoryLimitBytes: 500 })
          const replacements = new Map<BytePath, string | null>()
          const expected: [BytePath, string | undefined][] = []
          for (const path of paths) {
            writer.add(path, openLine(path), place)
            const fate = fates.next().value!
            const user = fate === 'swap' ? 'u' : fate === 'grow' ? 'u'.repeat(900) : undefined
            if (fate === 'drop') replacements.set(path, null)
            else expected.push([path, user])
            if (user !== undefined) replacements.set(path, fileLine(path, { user }))
          }
          const bytes = await collect(writer.finish(header, replacements))
          expect(writer.count).toBe(expected.length)
          expect((await entriesOf(bytes, expected.length)).map((entry) => [entry.bytes, entry.user])).toEqual(expected)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('leave the frames they do not touch as they were stored', async () => {
    await using folder = await emptyFolder()
    const paths = numbered(1000)
    const frames = async (replacements: Map<BytePath, string>) => {
      await using writer = createIndexWriter({ spillDirectory: folder.path, frameBytes: 20_000 })
      for (const path of paths) writer.add(path, openLine(path), place)
      const stored = await all(writer.finish(header, replacements))
      return stored.map((frame) => Buffer.from(frame).toString('hex'))
    }
    const before = await frames(new Map())
    const after = await frames(new Map([[paths[500]!, fileLine(paths[500]!, { user: 'other' })]]))
    const changed = before.slice(0, -2).filter((frame, index) => frame !== after[index])
    expect(before.length).toBeGreaterThan(8)
    expect(changed).toHaveLength(1)
  })

  test('of what was never added are our bug', async () => {
    for (const path of ['0', 'dir/secret-name-100003x', 'z']) {
      await using folder = await emptyFolder()
      await using writer = createIndexWriter({ spillDirectory: folder.path, frameBytes: 1000 })
      for (const added of numbered(10)) writer.add(added, openLine(added), place)
      await expect(collect(writer.finish(header, new Map([[path, fileLine(path)]])))).rejects.toThrow(/there is none/)
    }
    await using folder = await emptyFolder()
    await using empty = createIndexWriter({ spillDirectory: folder.path })
    await expect(collect(empty.finish(header, new Map([['a', null]])))).rejects.toThrow(/there is none/)
  })

  test('with the line of another path are our bug', async () => {
    await using folder = await emptyFolder()
    await using writer = createIndexWriter({ spillDirectory: folder.path })
    writer.add('a', openLine('a'), place)
    await expect(collect(writer.finish(header, new Map([['a', fileLine('b')]])))).rejects.toThrow(/another path/)
  })
})

describe('adding', () => {
  test('refuses paths out of order, lines that could not be read back, and anything after the end', async () => {
    await using folder = await emptyFolder()
    await using writer = createIndexWriter({ spillDirectory: folder.path })
    writer.add('b', openLine('b'), place)
    expect(() => writer.add('b', openLine('b'), place)).toThrow(/out of order/)
    expect(() => writer.add('a', openLine('a'), place)).toThrow(/out of order/)
    expect(() => writer.add('c', openLine('c', { user: 'x'.repeat(1 << 20) }), place)).toThrow(/could not be read back/)
    expect(writer.count).toBe(1)
    const stored = writer.finish(header, new Map())
    expect(() => writer.add('d', openLine('d'), place)).toThrow(/finished/)
    expect(() => writer.finish(header, new Map())).toThrow(/finished/)
    expect(await collect(stored)).toEqual(await collect(stored))
  })

  test('takes lines longer than a frame, up to the limit', async () => {
    await using folder = await emptyFolder()
    await using writer = createIndexWriter({ spillDirectory: folder.path, frameBytes: 1000 })
    for (const path of ['a', 'b', 'c']) writer.add(path, openLine(path, path === 'b' ? { user: 'x'.repeat((1 << 20) - 500) } : {}), place)
    const bytes = await collect(writer.finish(header, new Map()))
    expect((await entriesOf(bytes, 3)).map((entry) => entry.bytes)).toEqual(['a', 'b', 'c'])
  })

  test('can be scanned at any time', async () => {
    await using folder = await emptyFolder()
    await using writer = createIndexWriter({ spillDirectory: folder.path, frameBytes: 2000, memoryLimitBytes: 1000 })
    const lines: string[] = []
    for (const [index, path] of numbered(300).entries()) {
      lines.push(fileLine(path, { user: 'größe' }))
      writer.add(path, openLine(path, { user: 'größe' }), place)
      if (index % 67 === 0) expect([...writer.scan()]).toEqual(lines)
    }
    expect([...writer.scan()]).toEqual(lines)
  })
})

describe('the spill', () => {
  test.skipIf(process.platform !== 'linux')('is a file without a name that holds no path in clear, and is closed in the end', async () => {
    await using folder = await emptyFolder()
    const openFiles = () =>
      readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path) ? [`/proc/self/fd/${fd}`] : []
        } catch {
          return []
        }
      })
    const paths = numbered(20_000)
    {
      await using writer = createIndexWriter({ spillDirectory: folder.path, memoryLimitBytes: 10_000, frameBytes: 4000, level: 1 })
      for (const path of paths) writer.add(path, openLine(path), place)
      expect(await folder.names()).toEqual([])
      const [spill, ...others] = openFiles()
      expect(others).toEqual([])
      expect(statSync(spill!).mode & 0o777).toBe(0o600)
      const stored = readFileSync(spill!)
      expect(stored.length).toBeGreaterThan(100_000)
      expect(stored.includes('secret')).toBe(false)
      // Not the compressed names either: no zstd frame begins in it (one in 2^32 offsets would by chance).
      expect(stored.includes(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))).toBe(false)

      const bytes = await collect(writer.finish(header, new Map([[paths[7]!, null]])))
      expect(bytes.equals(await inMemory(paths))).toBe(true)
    }
    expect(openFiles()).toEqual([])
    expect(await folder.names()).toEqual([])
  })

  async function inMemory(paths: BytePath[]): Promise<Buffer> {
    await using folder = await emptyFolder()
    await using writer = createIndexWriter({ spillDirectory: folder.path, frameBytes: 4000, level: 1 })
    for (const path of paths) writer.add(path, openLine(path), place)
    return await collect(writer.finish(header, new Map([[paths[7]!, null]])))
  }

  test('is not made while memory is enough, and is closed when nothing was finished', async () => {
    await using folder = await emptyFolder()
    await using unused = createIndexWriter({ spillDirectory: `${folder.path}/absent` })
    for (const path of numbered(10_000)) unused.add(path, openLine(path), place)
    await using dropped = createIndexWriter({ spillDirectory: folder.path, memoryLimitBytes: 0, frameBytes: 1000 })
    for (const path of numbered(100)) dropped.add(path, openLine(path), place)
    expect(await folder.names()).toEqual([])
  })
})

import { expect, test } from 'vitest'
import { createSample } from '../../src/engine/entry-sample.ts'
import type { IndexedEntry } from '../../src/engine/formats/index-entry.ts'
import { createRandom } from '../support/fuzz/random.ts'

function entries(sizes: number[]): IndexedEntry[] {
  return sizes.map((size, at) => ({ path: String(at), bytes: String(at), kind: 'file', size, mode: 0o644, uid: 0, gid: 0, mtime_ns: '0' }))
}

/** As `verify` does. */
function sampled(sizes: number[], share: number, random: () => number): number[] {
  const all = entries(sizes)
  const sample = createSample(
    share,
    sizes.reduce((sum, size) => sum + size, 0),
    random,
  )
  const taken = all.filter((entry) => sample.takes(entry))
  if (!sample.isEnough()) {
    sample.again()
    taken.push(...all.filter((entry) => sample.takesToo(entry)))
  }
  return taken.map(({ path }) => Number(path))
}

test('a sample holds at least its share of the content, whatever chance takes, and no entry twice', () => {
  const random = createRandom(7)
  for (let round = 0; round < 200; round++) {
    const sizes = Array.from({ length: 1 + Math.floor(random.next() * 20_000 * random.next()) }, () => Math.floor(1e6 * random.next() ** 20))
    const share = [0.01, 0.05, 0.5, 0.99][round % 4]!
    const taken = sampled(sizes, share, () => random.next())
    const total = sizes.reduce((sum, size) => sum + size, 0)
    expect(taken.reduce((sum, at) => sum + sizes[at]!, 0)).toBeGreaterThanOrEqual(share * total)
    expect(new Set(taken).size).toBe(taken.length)
    expect(taken.length).toBeGreaterThan(0)
  }
})

test('one large file is taken where it alone makes the share', () => {
  expect(sampled([1, 1, 1_000_000, 1], 0.05, () => 0.9)).toContain(2)
})

test('of files without content one is taken', () => {
  expect(sampled([0, 0, 0], 0.05, () => 0.9)).toHaveLength(1)
})

test('all of it is every entry', () => {
  expect(sampled([0, 5, 0], 1, () => 0.99)).toEqual([0, 1, 2])
})

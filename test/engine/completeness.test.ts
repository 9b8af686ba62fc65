import { closeSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openArtifact } from '../../src/engine/open-artifact.ts'
import { readEntry } from '../../src/engine/read-entry.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { createFileStater } from '../../src/lib/file-stat.ts'
import { createHoleFinder } from '../../src/lib/posix-holes.ts'
import { below, entriesBelow, exportRun, restoreRun, runBackup, stockRestore, verifyRun } from '../support/engine.ts'
import { sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>

beforeAll(async () => {
  work = await workFolder()
})

afterAll(() => work[Symbol.asyncDispose]())

const tebibyte = 2 ** 40

function dataOf(file: string) {
  const fd = openSync(file, 'r')
  try {
    return createHoleFinder()!.find(fd, lstatSync(file).size, 1000)
  } finally {
    closeSync(fd)
  }
}

test('a sparse file of 1 TiB takes the room of its data, and comes back with its holes', async () => {
  const data = [
    [0, 4096],
    [tebibyte / 2, 100_000],
    [tebibyte - 3, 3],
  ] as const
  const tree = sourceTree(path.join(work.path, 'large')).sparse('disk.img', tebibyte, data).finish()
  const source = path.join(tree.root, 'disk.img')
  const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
  expect(run.outcome.summary.grade).toBe('stable')
  const { stored_bytes, source_bytes, hole_bytes = 0 } = run.outcome.manifest.totals
  expect(stored_bytes).toBeLessThan(200_000)
  expect(source_bytes + hole_bytes).toBe(tebibyte)
  expect(await verifyRun(run)).toMatchObject({ ok: true })
  const exported = await exportRun(run, path.join(work.path, 'large exported'))
  stockRestore(exported, path.join(work.path, 'large theirs'))
  await restoreRun(run, path.join(work.path, 'large ours'))
  for (const restored of ['large theirs', 'large ours'].map((name) => path.join(below(path.join(work.path, name), tree.root), 'disk.img'))) {
    expect(lstatSync(restored).size).toBe(tebibyte)
    expect(dataOf(restored)).toEqual(dataOf(source))
    expect(createFileStater().byPath(restored, false).allocatedBytes).toBe(createFileStater().byPath(source, false).allocatedBytes)
    for (const [offset, bytes] of data) expect(piece(restored, offset, bytes).equals(piece(source, offset, bytes))).toBe(true)
  }
})

function piece(file: string, offset: number, bytes: number): Buffer {
  const fd = openSync(file, 'r')
  const buffer = Buffer.alloc(bytes)
  readSync(fd, buffer, 0, bytes, offset)
  closeSync(fd)
  return buffer
}

test('a single sparse file is read with the zeros of its holes', async () => {
  const tree = sourceTree(path.join(work.path, 'cat'))
    .sparse('small', 70_000, [[40_960, 10]])
    .sparse('large', 12 * 2 ** 20, [
      [5 * 2 ** 20, 300_000],
      [11 * 2 ** 20, 1],
    ])
    .finish()
  const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
  const artifact = await openArtifact(run.target, run.ref, { identities: [], signal: AbortSignal.timeout(60_000) })
  for (const name of ['small', 'large']) {
    const chunks: Uint8Array[] = []
    await readEntry(artifact, `${tree.root.slice(1)}/${name}`, {
      signal: AbortSignal.timeout(60_000),
      take: (bytes) => void chunks.push(bytes.slice()),
    })
    expect(Buffer.concat(chunks).equals(readFileSync(path.join(tree.root, name)))).toBe(true)
  }
})

test('the index says which file is sparse and which attributes an entry has', async () => {
  const tree = sourceTree(path.join(work.path, 'index'))
    .sparse('sparse', 70_000, [[40_960, 10]])
    .file('plain', 'x', { xattrs: [['user.a', Buffer.from('b')]] })
    .finish()
  const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
  const entries = await entriesBelow(run, tree.root)
  expect(entries.get('sparse')).toMatchObject({ sparse: true, size: 70_000 })
  expect(entries.get('plain')).toMatchObject({ xattrs: { 'user.a': Buffer.from('b').toString('base64') } })
  expect(entries.get('plain')?.sparse).toBeUndefined()
})

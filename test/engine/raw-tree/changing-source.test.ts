import { appendFileSync, closeSync, lstatSync, mkdirSync, openSync, readFileSync, truncateSync, unlinkSync, writeSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runPrefix } from '../../../src/core/artifact.ts'
import { BastionError } from '../../../src/core/errors.ts'
import { createFaultyTarget, type FaultRule } from '../../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import type { ObjectEntry } from '../../../src/engine/targets/target.ts'
import { createTimeSetter } from '../../../src/lib/posix-times.ts'
import { sampleBytes } from '../../support/age-samples.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { below, disturbedTarget, entriesBelow, objectsOf, pastClockGranularity, restoreRun, runBackup, verifyRun } from '../../support/engine.ts'
import { type SourceTree, sourceTree } from '../../support/source-tree.ts'
import { workFolder } from '../../support/work-folder.ts'

const pipeline = { format: 'raw_tree_v1' } as const
const size = 4_000_000
let work: Awaited<ReturnType<typeof workFolder>>
let count = 0

beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

function folder(): string {
  const made = path.join(work.path, String(++count))
  mkdirSync(made)
  return made
}

/** Backs up a tree with one large file, while `disturb` is called before each piece of it is taken. */
async function disturbed(disturb: (file: string, pieceNumber: number) => unknown) {
  const at = folder()
  const tree: SourceTree = sourceTree(path.join(at, 'source')).file('a', 'a').file('busy', sampleBytes(size)).file('z', 'z').finish()
  await pastClockGranularity()
  const target = disturbedTarget(createMemoryTarget(), (n) => disturb(path.join(tree.root, 'busy'), n))
  const run = await runBackup({ target, sources: [tree.root], pipeline })
  const entry = (await entriesBelow(run, tree.root)).get('busy')!
  expect(await verifyRun(run)).toMatchObject({ ok: true, damaged: { total: 0 } })
  await restoreRun(run, path.join(at, 'ours'))
  return { run, tree, entry, restored: below(path.join(at, 'ours'), tree.root) }
}

describe('a large file that is sent to a target and', () => {
  test('shrinks while it is sent is sent again, and whole in the end', async () => {
    const { run, tree, entry, restored } = await disturbed((file, n) => n === 0 && truncateSync(file, size / 2))
    expect(entry).toMatchObject({ size: size / 2, grade: 'stable' })
    expect(run.outcome).toMatchObject({ status: 'success', manifest: { consistency: { changed_total: 0, retried_total: 1 } } })
    expect(compareTrees(tree.root, restored)).toEqual([])
  })

  test('shrinks every time is filled up with zeros at last, and graded torn', async () => {
    const { run, tree, entry, restored } = await disturbed((file) => truncateSync(file, Math.max(0, lstatSync(file).size - 1000)))
    expect(entry.grade).toBe('torn')
    expect(run.outcome).toMatchObject({ status: 'warning', manifest: { consistency: { changed_total: 1, retried_total: 0, grade: 'torn' } } })
    const stored = readFileSync(path.join(restored, 'busy'))
    expect(stored.length).toBe(entry.size)
    const now = readFileSync(tree.at('busy'))
    expect(stored.subarray(0, now.length).equals(now)).toBe(true)
    expect(stored.subarray(-1000).equals(Buffer.alloc(1000))).toBe(true)
  })

  test('grows every time is cut, and graded torn', async () => {
    const { entry, run } = await disturbed((file) => appendFileSync(file, 'more and more'))
    expect(entry.grade).toBe('torn')
    expect(run.outcome.manifest.consistency).toMatchObject({ changed_total: 1, grade: 'torn' })
  })

  test('is rewritten while it is sent but not later is stored as it is then', async () => {
    const { tree, entry, run, restored } = await disturbed((file, n) => {
      if (n > 0) return
      const fd = openSync(file, 'r+')
      writeSync(fd, 'rewritten', size - 100)
      closeSync(fd)
    })
    expect(entry).toMatchObject({ grade: 'stable' })
    expect(entry).not.toHaveProperty('supersedes')
    expect(run.outcome.manifest).toMatchObject({ consistency: { changed_total: 0, retried_total: 1 }, totals: { files: 3, source_bytes: size + 2 } })
    expect(compareTrees(tree.root, restored)).toEqual([])
  })

  test('is removed while it is sent is stored as it was, and told', async () => {
    const { entry, run } = await disturbed((file, n) => n === 0 && unlinkSync(file))
    expect(entry).toMatchObject({ size, grade: 'changed' })
    expect(run.outcome.manifest.consistency).toMatchObject({ deleted_total: 1 })
  })
})

test('what never becomes stable is stored in a folder once, with all its names, and told once', async () => {
  const at = folder()
  const tree = sourceTree(path.join(at, 'source'))
    .file('d/busy', 'small')
    .link('d/linked', 'd/busy')
    .file('d/large', 300_000)
    .link('e/large', 'd/large')
    .finish()
  for (const name of ['d/busy', 'd/large']) createTimeSetter().setByPath(tree.at(name), BigInt(Date.now() + 60_000) * 1_000_000n)
  const run = await runBackup({ target: createLocalDirTarget({ path: path.join(at, 'target') }), sources: [tree.root], pipeline })
  expect(run.outcome.manifest).toMatchObject({
    totals: { files: 2, links: 2, source_bytes: 300_005 },
    consistency: { changed_total: 2, retried_total: 0, grade: 'changed' },
  })
  expect(compareTrees(tree.root, below(path.join(at, 'target', runPrefix(run.ref.jobId, run.ref.runId), 'data'), tree.root))).toEqual([])
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

describe('a target that fails', () => {
  function faulty(rule: FaultRule) {
    return createFaultyTarget(createMemoryTarget(), { rules: [rule] })
  }
  const isLarge = (key: string) => key.endsWith('/large')

  async function outcomeWith(rule: FaultRule): Promise<{ code: string; left: string[]; status?: string }> {
    const tree = sourceTree(path.join(folder(), 'source'))
    for (let i = 0; i < 100; i++) tree.file(`small/${i}`, 1000)
    tree.file('large', 3_000_000).finish()
    await pastClockGranularity()
    const target = faulty(rule)
    const running = runBackup({ target, sources: [tree.root], pipeline })
    try {
      const run = await running
      expect(await verifyRun(run)).toMatchObject({ ok: true })
      return { code: 'done', left: [], status: run.outcome.status }
    } catch (error) {
      if (!(error instanceof BastionError)) throw error
      return { code: error.code, left: [...(await objectsOf(target)).keys()] }
    }
  }

  test('once while a large file is sent is sent that file again', async () => {
    const fault = { kind: 'cut', afterBytes: 1_500_000 } as const
    expect(await outcomeWith({ fault, method: 'put', key: isLarge, times: 1 })).toMatchObject({ code: 'done', status: 'success' })
  })

  test.each<[what: string, rule: FaultRule, code: string]>([
    [
      'for good while a small file is put',
      { fault: { kind: 'error', code: 'target_full' }, method: 'put', key: (key) => key.endsWith('/50') },
      'target_full',
    ],
    [
      'for good while a large file is sent',
      { fault: { kind: 'error', code: 'target_permission' }, method: 'put', key: isLarge },
      'target_permission',
    ],
    ['to tell how much it stored', { fault: { kind: 'wrong_size', byBytes: 1 }, method: 'put', key: (key) => key.endsWith('/7') }, 'target_rejected'],
  ])('%s ends the run, and what was stored is removed', async (_, rule, code) => {
    expect(await outcomeWith(rule)).toEqual({ code, left: ['bastion-target.json'] })
  })

  test.each(['small', 'large'])(
    'to take all of a %s file, and calls it the whole, is found out before the run says that it is complete',
    async (name) => {
      const isThat = (key: string) => key.includes('/data/') && key.endsWith(`/${name}`)
      const tree = sourceTree(path.join(folder(), 'source')).file('small', 1000).file('large', 3_000_000).finish()
      const target = faulty({ fault: { kind: 'cut', afterBytes: 10, silently: true }, method: 'put', key: isThat })
      await expect(runBackup({ target, sources: [tree.root], pipeline })).rejects.toMatchObject({
        code: 'target_rejected',
        message: expect.stringMatching(new RegExp(`/${name}, but it has 10 bytes instead of`)),
      })
      expect([...(await objectsOf(target)).keys()]).toEqual(['bastion-target.json'])
    },
  )
})

test('a target that lists late, or not all names, has each file asked for and keeps a whole tree', async () => {
  const tree = sourceTree(path.join(folder(), 'source')).file('.hidden', 1000).file('large', 3_000_000).link('other', 'large').finish()
  const inner = createMemoryTarget()
  async function* without(entries: AsyncIterable<ObjectEntry>) {
    for await (const entry of entries) if (!entry.key.endsWith('/.hidden')) yield entry
  }
  const run = await runBackup({
    target: { ...inner, list: (prefix, options) => without(inner.list(prefix, options)) },
    sources: [tree.root],
    pipeline,
  })
  expect(run.outcome.status).toBe('success')
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

test('a file of a tree that was cut afterwards is found by a verification of any level', async () => {
  const tree = sourceTree(path.join(folder(), 'source')).file('small', 1000).finish()
  const target = createMemoryTarget()
  const run = await runBackup({ target, sources: [tree.root], pipeline })
  const key = [...(await objectsOf(target)).keys()].find((each) => each.includes('/data/'))
  await target.put(key!, Buffer.alloc(10))
  for (const level of ['chain', 'full'] as const) expect(await verifyRun(run, level)).toMatchObject({ ok: false, damaged: { total: 1 } })
})

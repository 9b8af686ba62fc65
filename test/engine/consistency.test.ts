import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { maxConsistencySamples } from '../../src/core/consistency.ts'
import { defaultFrameBytes, defaultPartSizeBytes, mebibyte } from '../../src/core/pipeline-spec.ts'
import { createFrameBuilder } from '../../src/engine/pipeline/frame-builder.ts'
import type { PackItem } from '../../src/engine/pipeline/pack-protocol.ts'
import { createSourceTools } from '../../src/engine/pipeline/source-tools.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { createFileStater, type FileStat, fileStatWords } from '../../src/lib/file-stat.ts'
import { createNodeMaker } from '../../src/lib/posix-mknod.ts'
import { createTimeSetter } from '../../src/lib/posix-times.ts'
import { sampleBytes } from '../support/age-samples.ts'
import { callAs, isRoot, normalUser } from '../support/as-user.ts'
import { compareTrees } from '../support/compare-trees.ts'
import {
  below,
  blake3Of,
  storedHashOf,
  type BackupRun,
  disturbedTarget,
  entriesBelow,
  exportRun,
  objectsOf,
  packPrepared,
  pastClockGranularity,
  restoreRun,
  runBackup,
  runStock,
  smallPipeline,
  stockRestore,
  verifyRun,
  watchedSource,
} from '../support/engine.ts'
import { scale } from '../support/scale.ts'
import { seed } from '../support/seed.ts'
import { type SettleCase, settleHardLinkedFile } from '../support/settle-case.ts'
import { type SourceTree, sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

const { frame_bytes: frameBytes } = smallPipeline
const times = createTimeSetter()
const noNames = { user: () => undefined, group: () => undefined }

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0

beforeAll(async () => {
  work = await workFolder()
})

afterAll(() => work[Symbol.asyncDispose]())

/** A folder of a test's own. */
function folder(): string {
  const made = path.join(work.path, String(++count))
  mkdirSync(made)
  return made
}

/** As if it had been written at a time to come: whoever reads it before then must think that it still may change. */
function writtenIn(file: string, ms: number): void {
  times.setByPath(file, BigInt(Date.now() + ms) * 1_000_000n)
}

function nothingListed(): Uint32Array {
  return new Uint32Array(fileStatWords)
}

describe('a file that fits a frame', () => {
  function build(file: string, over: Partial<PackItem> = {}, listed?: FileStat) {
    const item: PackItem = { path: file.slice(1), kind: 'file', sizeBytes: 0, ...over }
    const { items, lines } = createFrameBuilder(frameBytes, { ...createSourceTools(), names: noNames }).build(
      [item],
      listed?.words ?? nothingListed(),
    )
    return { ...items[0]!, line: Buffer.from(lines).toString() }
  }

  function aFile(content: Uint8Array | string): string {
    return sourceTree(path.join(folder(), 'source')).file('file', content).finish().root + '/file'
  }

  test('that is still what was listed is stored after one reading', () => {
    const file = aFile('content')
    times.setByPath(file, 1_700_000_000_000_000_001n)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    const listed = createFileStater().byPath(file, false).copy()
    expect(build(file, {}, listed)).toEqual({
      line: expect.stringContaining('"mtime_ns":"1700000000000000001"'),
      lineBytes: expect.any(Number),
      skip: 0,
      kind: 'file',
      contentBytes: 7,
      grade: 'stable',
    })
  })

  test.each<[what: string, change: (file: string) => void, bytes: number]>([
    ['has grown', (file) => appendFileSync(file, ' and more'), 16],
    ['has shrunk', (file) => truncateSync(file, 3), 3],
    ['was written with the same size', (file) => writeFileSync(file, 'CONTENT'), 7],
    ['has another mode', (file) => chmodSync(file, 0o600), 7],
    ['has become another file', (file) => (writeFileSync(`${file}.new`, 'another'), renameSync(`${file}.new`, file)), 7],
  ])('that %s since it was listed is stored as it is now', (_, change, bytes) => {
    const file = aFile('content')
    const listed = createFileStater().byPath(file, false).copy()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    change(file)
    const now = lstatSync(file, { bigint: true })
    const packed = build(file, { sizeBytes: 7 }, listed)
    expect(packed).toMatchObject({ contentBytes: bytes, grade: 'stable' })
    expect(packed.finding).toBeUndefined()
    expect(JSON.parse(`${packed.line}}`)).toMatchObject({
      size: bytes,
      mode: Number(now.mode),
      mtime_ns: String(now.mtimeNs),
      hash: blake3Of(readFileSync(file)),
    })
  })

  test('that may still have been written when it was read is read again until it is stable, and flagged retried', () => {
    const file = aFile('content')
    writtenIn(file, 400)
    const packed = build(file)
    expect(packed).toMatchObject({ retried: true, grade: 'stable', contentBytes: 7 })
    expect(packed.finding).toBeUndefined()
    expect(packed.line).toContain('"flags":["retried"]')
  })

  test('that never becomes stable is stored as it was found and reported', () => {
    const file = aFile('content')
    writtenIn(file, 50_000)
    expect(build(file)).toMatchObject({
      finding: { verdict: 'changed', sample: { reason: 'mtime_changed' } },
      grade: 'changed',
      contentBytes: 7,
    })
  })

  test('that was listed larger than it is is stored as it is', () => {
    expect(build(aFile('content'), { sizeBytes: 60_000 })).toMatchObject({ contentBytes: 7 })
  })

  test('that has outgrown its frame since it was listed is cut there, graded torn, and not waited for', () => {
    const packed = build(aFile(sampleBytes(3 * frameBytes)), { sizeBytes: 10 })
    expect(packed).toMatchObject({
      grade: 'torn',
      contentBytes: frameBytes,
      finding: { verdict: 'changed', sample: { reason: 'size_changed', before: { size_bytes: 3 * frameBytes } } },
    })
  })

  test.each([
    { now: 'is gone', verdict: 'deleted', reason: 'stat_after_missing', change: (file: string) => unlinkSync(file) },
    {
      now: 'has a file for its directory',
      verdict: 'deleted',
      reason: 'stat_after_missing',
      change: (file: string) => {
        rmSync(path.dirname(file), { recursive: true })
        writeFileSync(path.dirname(file), '')
      },
    },
    {
      now: 'is a directory',
      verdict: 'replaced',
      reason: 'file_id_changed',
      change: (file: string) => {
        unlinkSync(file)
        mkdirSync(file)
      },
    },
    {
      now: 'is a link',
      verdict: 'replaced',
      reason: 'file_id_changed',
      change: (file: string) => {
        unlinkSync(file)
        symlinkSync('/etc/passwd', file)
      },
    },
    {
      now: 'is a FIFO nobody writes to',
      verdict: 'replaced',
      reason: 'file_id_changed',
      change: (file: string) => {
        unlinkSync(file)
        createNodeMaker()!(file, 0o010644, [0, 0])
      },
    },
  ])('that $now since it was listed is not stored, and reported as $verdict', ({ verdict, reason, change }) => {
    const file = aFile('content')
    change(file)
    expect(build(file)).toEqual({
      line: '',
      lineBytes: 0,
      skip: -1,
      kind: 'file',
      contentBytes: 0,
      grade: null,
      finding: expect.objectContaining({ verdict, sample: expect.objectContaining({ reason }) }),
    })
  })
})

describe('what is not a file', () => {
  test.each(['dir', 'symlink', 'fifo', 'socket', 'device'] as const)(
    'a %s that has become another kind of thing is not stored, and reported as replaced',
    (kind) => {
      const tree = sourceTree(path.join(folder(), 'source')).file('file', '').dir('dir').finish()
      const item: PackItem = { path: `${tree.root.slice(1)}/${kind === 'dir' ? 'file' : 'dir'}`, kind, sizeBytes: 0 }
      const { items } = createFrameBuilder(frameBytes, { ...createSourceTools(), names: noNames }).build([item], nothingListed())
      expect(items).toMatchObject([{ lineBytes: 0, finding: { verdict: 'replaced' } }])
    },
  )
})

/** Backs up a tree with one large file among others, while `disturb` is called again and again: as it is read first, and as it is read once more. */
async function disturbed(
  disturb: (file: string, tree: SourceTree, chunkNumber: number) => unknown,
  options: { contentBytes?: number; spec?: Parameters<typeof runBackup>[0]['spec']; prepare?: (tree: SourceTree) => void } = {},
): Promise<{ run: BackupRun; tree: SourceTree; at: string; first: Buffer }> {
  const at = folder()
  const first = sampleBytes(options.contentBytes ?? 4_000_000)
  const tree = sourceTree(path.join(at, 'source')).file('a', 'a').file('busy', first).file('z', 'z')
  options.prepare?.(tree)
  tree.finish()
  await pastClockGranularity()
  const target = disturbedTarget(createMemoryTarget(), (chunkNumber) => disturb(path.join(tree.root, 'busy'), tree, chunkNumber))
  const run = await runBackup({ target, sources: [tree.root], ...(options.spec === undefined ? {} : { spec: options.spec }) })
  return { run, tree, at, first }
}

/** The artifact is whole whatever became of its source: hashes, zstd, tar, and what tar gives is what the index says. */
async function expectSound({ run, tree, at }: Pick<Awaited<ReturnType<typeof disturbed>>, 'run' | 'tree' | 'at'>): Promise<void> {
  expect(await verifyRun(run)).toMatchObject({ ok: true, damaged: { total: 0 } })
  const exported = await exportRun(run, path.join(at, 'exported'))
  runStock('cat payload.part* | zstd -tq', { cwd: exported })
  const theirs = path.join(at, 'theirs')
  stockRestore(exported, theirs)
  for (const [name, entry] of await entriesBelow(run, tree.root)) {
    if (entry.kind !== 'file') continue
    const file = path.join(below(theirs, tree.root), name)
    expect({ name, size: lstatSync(file).size, hash: storedHashOf(file, entry.sparse === true) }).toEqual({
      name,
      size: entry.size,
      hash: entry.hash,
    })
  }
  await restoreRun(run, path.join(at, 'ours'))
  expect(compareTrees(below(path.join(at, 'ours'), tree.root), below(theirs, tree.root))).toEqual([])
}

function edit(file: string, action: (fd: number) => void): void {
  const fd = openSync(file, 'r+')
  try {
    action(fd)
  } finally {
    closeSync(fd)
  }
}

describe('a file larger than a frame', () => {
  test('that is rewritten while it is read, and again while it is read once more, is reported once as changed', async () => {
    const one = await disturbed((file, _tree, n) => edit(file, (fd) => void writeSync(fd, `${n}`, n % 4_000_000)))
    const { outcome, events } = one.run
    expect(outcome).toMatchObject({ status: 'warning', manifest: { consistency: { changed_total: 1, retried_total: 0, grade: 'changed' } } })
    expect(outcome.source.consistency.sample).toMatchObject([{ path: `${one.tree.root.slice(1)}/busy`, reason: 'mtime_changed' }])
    expect(events.filter(({ kind }) => kind === 'source_consistency')).toMatchObject([
      { level: 'warn', message: 'source consistency warnings', fields: { changed_total: 1, sample_truncated: false } },
    ])
    await expectSound(one)
  })

  test('that is rewritten while it is read but not later is stored as it is then, and counts as retried', async () => {
    const one = await disturbed((file, _tree, n) => n === 0 && edit(file, (fd) => void writeSync(fd, 'once', 3_999_000)))
    expect(one.run.outcome).toMatchObject({
      status: 'success',
      manifest: { consistency: { changed_total: 0, retried_total: 1, grade: 'stable' }, totals: { files: 3, source_bytes: 4_000_002 } },
    })
    expect(one.run.events.map(({ kind }) => kind)).not.toContain('source_consistency')
    await expectSound(one)
    expect(compareTrees(one.tree.root, below(path.join(one.at, 'theirs'), one.tree.root))).toEqual([])
  })

  test('whose mode changes while it is read is reported, its content as it was', async () => {
    const one = await disturbed((file, _tree, n) => chmodSync(file, n % 2 === 0 ? 0o600 : 0o644))
    expect(one.run.outcome.manifest.consistency).toMatchObject({ changed_total: 1, retried_total: 0, grade: 'changed' })
    await expectSound(one)
    expect(readFileSync(path.join(below(path.join(one.at, 'theirs'), one.tree.root), 'busy')).equals(one.first)).toBe(true)
  })

  test('that grows is cut at the size it was announced with, and graded torn', async () => {
    const one = await disturbed((file) => appendFileSync(file, 'more and more'))
    const entry = (await entriesBelow(one.run, one.tree.root)).get('busy')!
    expect(entry).toMatchObject({ grade: 'torn', supersedes: true })
    expect(one.run.outcome.manifest.consistency).toMatchObject({ changed_total: 1, grade: 'torn' })
    expect(one.run.outcome.source.consistency.sample).toMatchObject([{ reason: 'size_changed' }])
    await expectSound(one)
    const stored = readFileSync(path.join(below(path.join(one.at, 'theirs'), one.tree.root), 'busy'))
    expect(stored.length).toBe(entry.size)
    expect(readFileSync(one.tree.at('busy')).subarray(0, entry.size).equals(stored)).toBe(true)
  })

  test('that shrinks is filled up with zeros to the size it was announced with, and graded torn', async () => {
    const one = await disturbed((file) => truncateSync(file, lstatSync(file).size - 1000))
    const entry = (await entriesBelow(one.run, one.tree.root)).get('busy')!
    expect(entry.grade).toBe('torn')
    expect(one.run.outcome.manifest.consistency).toMatchObject({ changed_total: 1, grade: 'torn' })
    await expectSound(one)
    const stored = readFileSync(path.join(below(path.join(one.at, 'theirs'), one.tree.root), 'busy'))
    const left = lstatSync(one.tree.at('busy')).size
    // What was there, then zeros; noise ends with a zero now and then.
    const found = stored.findLastIndex((byte) => byte !== 0) + 1
    expect(found).toBeLessThan(stored.length - 900)
    expect(found).toBeGreaterThan(left - 10)
    expect(stored.subarray(0, found).equals(one.first.subarray(0, found))).toBe(true)
  })

  test('that is cut to nothing under the reader is all zeros from there on', async () => {
    const one = await disturbed((file, _tree, n) => n === 0 && truncateSync(file, 0))
    // Stable when it was read once more: empty, and of that size.
    expect((await entriesBelow(one.run, one.tree.root)).get('busy')).toMatchObject({ size: 0, grade: 'stable', supersedes: true })
    expect(one.run.outcome.manifest).toMatchObject({ totals: { files: 3, source_bytes: 2 }, consistency: { retried_total: 1, changed_total: 0 } })
    await expectSound(one)
  })

  test('whose name goes to another file while it is read is stored as it was, and the other one later', async () => {
    const one = await disturbed((file, tree, n) => {
      if (n !== 0) return
      writeFileSync(tree.at('new'), 'another')
      renameSync(tree.at('new'), file)
    })
    expect(one.run.outcome.manifest.consistency).toMatchObject({ replaced_total: 0, retried_total: 1 })
    await expectSound(one)
    expect(readFileSync(path.join(below(path.join(one.at, 'theirs'), one.tree.root), 'busy'), 'utf8')).toBe('another')
  })

  test('whose name goes from file to file is reported once as replaced', async () => {
    const one = await disturbed((file, tree) => {
      writeFileSync(tree.at('new'), one4MiB)
      renameSync(tree.at('new'), file)
    })
    expect(one.run.outcome.manifest.consistency).toMatchObject({ replaced_total: 1, changed_total: 0, deleted_total: 0 })
    await expectSound(one)
  })

  test('that is removed while it is read is stored whole and reported as deleted', async () => {
    const one = await disturbed((file) => rmSync(file, { force: true }))
    expect(one.run.outcome.manifest.consistency).toMatchObject({ deleted_total: 1, changed_total: 0, grade: 'changed' })
    await expectSound(one)
    expect(readFileSync(path.join(below(path.join(one.at, 'theirs'), one.tree.root), 'busy')).equals(one.first)).toBe(true)
  })
})

const one4MiB = sampleBytes(4 * mebibyte)

describe('the settle pass', () => {
  function expectSettled(settled: SettleCase): void {
    expect(settled).toEqual({
      own: [],
      stock: [],
      superseding: ['d/read only/big', 'd/read only/its other name', 'e/one more'],
      consistency: { changed_total: 0, retried_total: 1 },
      status: 'success',
      grade: 'stable',
      verified: true,
    })
  }

  test('puts a file with several names, in a directory nothing may be made in, right for stock tar and for us', async () => {
    expectSettled(await settleHardLinkedFile({ folder: folder() }))
  })

  test('does so for a normal user too', async (context) => {
    if (!isRoot) context.skip('the test before has done so')
    await using own = await workFolder({ owner: normalUser })
    expectSettled(await callAs(normalUser, new URL('../support/settle-case.ts', import.meta.url), 'settleHardLinkedFile', { folder: own.path }))
  })

  test('takes a file that has outgrown its frame whole', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('grown', 'small').file('z', 'z').finish()
    const content = sampleBytes(5 * frameBytes + 3)
    const run = await packPrepared(
      watchedSource([tree.root], {
        onListed: (listed) => {
          if (!listed.endsWith('/z')) return
          writeFileSync(tree.at('grown'), content)
          tree.finish()
        },
      }),
      { target: createMemoryTarget() },
    )
    expect(run.report).toMatchObject({ totals: { source_bytes: content.length + 1 }, consistency: { changed_total: 0, retried_total: 1 } })
    expect(run.report.grade()).toBe('stable')
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root))).toEqual([])
  })

  test('does not put another file in the place of one with several names', async () => {
    const one = await disturbed(
      (file, tree, n) => {
        if (n !== 0) return
        writeFileSync(tree.at('new'), 'another')
        renameSync(tree.at('new'), file)
      },
      { prepare: (tree) => tree.link('its second name', 'z').link('y', 'busy').link('x', 'busy') },
    )
    expect(one.run.outcome.manifest.consistency).toMatchObject({ replaced_total: 1, retried_total: 0 })
    await expectSound(one)
    for (const name of ['busy', 'x', 'y'])
      expect(readFileSync(path.join(below(path.join(one.at, 'theirs'), one.tree.root), name)).equals(one.first)).toBe(true)
  })

  test('keeps names of a file together that are gone when it is written again', async () => {
    const one = await disturbed(
      (file, tree, n) => {
        if (n === 0) edit(file, (fd) => void writeSync(fd, 'written while it was read'))
        // The other names are stored by then, and the file is not read again yet: the last one is under way.
        if (n > 70) rmSync(tree.at('y'), { force: true })
      },
      { prepare: (tree) => tree.link('x', 'busy').link('y', 'busy').file('zz', 2_000_000) },
    )
    expect(one.run.outcome.manifest.consistency).toMatchObject({ changed_total: 0, retried_total: 1 })
    await expectSound(one)
    const theirs = below(path.join(one.at, 'theirs'), one.tree.root)
    expect(readFileSync(path.join(theirs, 'busy'), 'latin1').startsWith('written while it was read')).toBe(true)
    for (const name of ['x', 'y']) expect(lstatSync(path.join(theirs, name)).ino).toBe(lstatSync(path.join(theirs, 'busy')).ino)
    expect(() => lstatSync(one.tree.at('y'))).toThrow('ENOENT')
  })
})

describe('the report', () => {
  test('counts all there is and samples the first fifty', async () => {
    const tree = sourceTree(path.join(folder(), 'source'))
    const names = Array.from({ length: 60 }, (_, i) => `gone/${String(i).padStart(2, '0')}`)
    for (const name of names) tree.file(name, name)
    tree.finish()
    const source = watchedSource([tree.root], { onListed: () => {}, onEnd: () => names.forEach((name) => unlinkSync(tree.at(name))) })
    const { report } = await packPrepared(source, { target: createMemoryTarget() })
    expect(report.consistency).toMatchObject({ deleted_total: 60, changed_total: 0, sample_truncated: true })
    expect(report.consistency.sample.map((sample) => sample.path)).toEqual(
      names.slice(0, maxConsistencySamples).map((name) => `${tree.root.slice(1)}/${name}`),
    )
    expect(report.totals).toMatchObject({ files: 0, dirs: 2 })
  })

  test.each([
    { consistency_policy: 'fail', consistency_fail_threshold: 0, ends: 'source_consistency' },
    { consistency_policy: 'fail', consistency_fail_threshold: 1, ends: 'success' },
    { consistency_policy: 'ignore', consistency_fail_threshold: 0, ends: 'success' },
    { consistency_policy: 'warn', consistency_fail_threshold: 0, ends: 'warning' },
  ] as const)(
    'ends a run with one changed file as $ends under $consistency_policy with a threshold of $consistency_fail_threshold',
    async ({ consistency_policy, consistency_fail_threshold, ends }) => {
      const tree = sourceTree(path.join(folder(), 'source')).file('busy', 4_000_000).file('z', 'z').finish()
      await pastClockGranularity()
      const memory = createMemoryTarget()
      const target = disturbedTarget(memory, (n) => edit(path.join(tree.root, 'busy'), (fd) => void writeSync(fd, 'x', n)))
      const spec = { consistency_policy, consistency_fail_threshold }
      const kinds: string[] = []
      const ended = await runBackup({ target, sources: [tree.root], spec, onEvent: ({ kind }) => kinds.push(kind) }).then(
        ({ outcome }) => outcome.status,
        (error: unknown) => (error as { code: string }).code,
      )
      expect(ended).toBe(ends)
      expect(kinds.filter((kind) => kind === 'source_consistency')).toHaveLength(1)
      if (ends === 'source_consistency') expect([...(await objectsOf(memory)).keys()]).toEqual(['bastion-target.json'])
    },
  )
})

/** A process at work from when this resolves until it is disposed of. */
async function busyWriter(args: readonly string[]): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../support/busy-writer.ts', import.meta.url)), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('the writer ended before it was busy')))])
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

describe('while a process', () => {
  test.each(Array.from({ length: scale(2, 20) }, (_, i) => i))(
    'writes everywhere, the artifact is sound and every changed file is counted once (%i)',
    async (round) => {
      const at = folder()
      const tree = sourceTree(path.join(at, 'source'))
      const busy = Array.from({ length: 40 }, (_, i) => `f${String(i).padStart(2, '0')}`)
      for (const [i, name] of busy.entries()) tree.file(`busy/${name}`, i % 4 === 0 ? 300_000 : 1000 * i)
      for (let i = 0; i < 60; i++) tree.file(`quiet/${i}`, i % 10 === 0 ? 500_000 : 2000)
      tree.finish()
      let run: BackupRun
      {
        await using _writer = await busyWriter(['files', path.join(tree.root, 'busy'), String(seed + round), ...busy])
        run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
      }
      await expectSound({ run, tree, at })

      const { changed_total, replaced_total, deleted_total, read_error_total, sample, sample_truncated } = run.outcome.source.consistency
      const reported = sample.map((one) => one.path.slice(tree.root.length))
      expect(new Set(reported).size).toBe(reported.length)
      expect({ sample_truncated, read_error_total }).toEqual({ sample_truncated: false, read_error_total: 0 })
      expect(changed_total + replaced_total + deleted_total).toBe(reported.length)
      const entries = await entriesBelow(run, tree.root)
      const suspect = [...entries].filter(([, { grade }]) => grade === 'changed' || grade === 'torn').map(([name]) => name)
      expect(suspect).toEqual(reported.filter((name) => entries.has(name)).toSorted())
      expect(suspect.every((name) => name.startsWith('busy/'))).toBe(true)
      expect(compareTrees(path.join(tree.root, 'quiet'), path.join(below(path.join(at, 'theirs'), tree.root), 'quiet'))).toEqual([])
    },
  )

  test('rewrites head and tail of a large file every 20 ms, the file is reported as changed', async () => {
    const at = folder()
    const sizeBytes = scale(96, 1500) * 1_000_000
    const tree = sourceTree(path.join(at, 'source')).file('disk.img', '').finish()
    edit(path.join(tree.root, 'disk.img'), (fd) => {
      for (let written = 0; written < sizeBytes; written += one4MiB.length) writeSync(fd, one4MiB)
      ftruncateSync(fd, sizeBytes)
    })
    const target = createLocalDirTarget({ path: path.join(at, 'target') })
    let run: BackupRun
    {
      await using _writer = await busyWriter(['ends', path.join(tree.root, 'disk.img'), String(sizeBytes)])
      run = await runBackup({
        target,
        sources: [tree.root],
        pipeline: { frame_bytes: defaultFrameBytes, part_size_bytes: defaultPartSizeBytes },
      })
    }
    expect(run.outcome).toMatchObject({ status: 'warning', manifest: { consistency: { changed_total: 1, grade: 'changed' } } })
    expect(run.outcome.source.consistency.sample).toMatchObject([{ path: `${tree.root.slice(1)}/disk.img`, reason: 'mtime_changed' }])
    expect(await verifyRun(run)).toMatchObject({ ok: true })
  })
})

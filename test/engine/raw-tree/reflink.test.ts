import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { runPrefix } from '../../../src/core/artifact.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { sampleBytes } from '../../support/age-samples.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { below, blake3Of, entriesBelow, pastClockGranularity, restoreRun, runBackup, verifyRun } from '../../support/engine.ts'
import { loopFilesystem, whyNoLoop } from '../../support/loop-filesystem.ts'
import { sourceTree } from '../../support/source-tree.ts'

const pipeline = { format: 'raw_tree_v1' } as const

describe.each(['btrfs', 'xfs'] as const)('on one %s, source and target', (kind) => {
  test('share their blocks, each file is of one moment, and what is written to the source later is not in the copy', async ({ skip }) => {
    const reason = await whyNoLoop(kind)
    if (reason !== undefined) skip(reason)
    await using disk = await loopFilesystem(kind)
    const contents = new Map([
      ['large', sampleBytes(40_000_000)],
      ['small', sampleBytes(20_000)],
      ['tiny', sampleBytes(10)],
    ])
    const tree = sourceTree(path.join(disk.path, 'source')).file('empty', '').link('linked', 'empty')
    for (const [name, bytes] of contents) tree.file(name, bytes)
    tree.finish()
    execFileSync('sync', ['-f', disk.path])
    await pastClockGranularity()
    const before = statfsSync(disk.path)
    const run = await runBackup({ target: createLocalDirTarget({ path: path.join(disk.path, 'target') }), sources: [tree.root], pipeline })
    const after = statfsSync(disk.path)
    expect((before.bfree - after.bfree) * before.bsize).toBeLessThan(20_000_000)

    const data = below(path.join(disk.path, 'target', runPrefix(run.ref.jobId, run.ref.runId), 'data'), tree.root)
    expect(compareTrees(tree.root, data)).toEqual([])
    const entries = await entriesBelow(run, tree.root)
    for (const [name, bytes] of contents) expect(entries.get(name)).toMatchObject({ grade: 'per_file', size: bytes.length, hash: blake3Of(bytes) })
    expect(run.outcome.manifest.consistency.grade).toBe('stable')

    writeFileSync(tree.at('small'), 'another content')
    appendFileSync(tree.at('large'), 'more')
    expect(readFileSync(path.join(data, 'small')).equals(contents.get('small')!)).toBe(true)
    expect(await verifyRun(run)).toMatchObject({ ok: true })
    mkdirSync(path.join(disk.path, 'ours'))
    await restoreRun(run, path.join(disk.path, 'ours'))
    expect(compareTrees(data, below(path.join(disk.path, 'ours'), tree.root))).toEqual([])
  })
})

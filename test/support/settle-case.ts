import { closeSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { compareTrees } from './compare-trees.ts'
import { below, disturbedTarget, entriesBelow, exportRun, pastClockGranularity, restoreRun, runBackup, stockRestore, verifyRun } from './engine.ts'
import { sourceTree } from './source-tree.ts'

export interface SettleCase {
  own: string[]
  stock: string[]
  /** paths of entries that took the place of a first reading */
  superseding: string[]
  consistency: { changed_total: number; retried_total: number }
  status: string
  grade: string
  verified: boolean
}

/**
 * Backs up a large file that is rewritten while it is read, and no more after that: with other names here and there, in a directory nothing may be made in.
 * What comes back, by us and by stock tools, is compared with the source as it is in the end.
 */
export async function settleHardLinkedFile({ folder }: { folder: string }): Promise<SettleCase> {
  const tree = sourceTree(path.join(folder, 'source'))
    .file('d/read only/big', 4_000_000, { mode: 0o640 })
    .link('d/read only/its other name', 'd/read only/big')
    .link('e/one more', 'd/read only/big')
    .file('d/read only/beside', 'b')
    .dir('d/read only', { mode: 0o555 })
    .file('z', 'z')
    .finish()
  await pastClockGranularity()
  let isWritten = false
  const target = disturbedTarget(createMemoryTarget(), () => {
    if (isWritten) return
    isWritten = true
    const fd = openSync(tree.at('d/read only/big'), 'r+')
    writeSync(fd, 'written while it was read', 0)
    writeSync(fd, 'here too', 3_999_000)
    closeSync(fd)
  })
  const run = await runBackup({ target, sources: [tree.root] })
  await restoreRun(run, path.join(folder, 'ours'))
  stockRestore(await exportRun(run, path.join(folder, 'exported')), path.join(folder, 'theirs'))
  const { consistency } = run.outcome.source
  return {
    own: compareTrees(tree.root, below(path.join(folder, 'ours'), tree.root)),
    stock: compareTrees(tree.root, below(path.join(folder, 'theirs'), tree.root)),
    superseding: [...(await entriesBelow(run, tree.root))].filter(([, entry]) => entry.supersedes).map(([name]) => name),
    consistency: { changed_total: consistency.changed_total, retried_total: consistency.retried_total },
    status: run.outcome.status,
    grade: run.outcome.summary.grade,
    verified: (await verifyRun(run)).ok,
  }
}

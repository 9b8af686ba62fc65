import path from 'node:path'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { compareTrees } from './compare-trees.ts'
import { below, restoreRun, runBackup, stockRestore, verifyRun } from './engine.ts'
import { everythingTree } from './everything-tree.ts'
import { runPrefix } from '../../src/core/artifact.ts'

export interface RoundTrip {
  status: string
  grade: string
  /** differences between the source and what came back */
  own: string[]
  stock: string[]
  ownComplaints: string[]
  verified: { ok: boolean; entries: { expected: number; checked: number }; damaged: unknown }
  parts: number
}

/** Makes the tree of everything below `folder`, backs it up, restores it twice and compares. Every file of it belongs to who calls. */
export async function roundTrip({ folder, encrypted, asRoot }: { folder: string; encrypted: boolean; asRoot: boolean }): Promise<RoundTrip> {
  const source = everythingTree(path.join(folder, 'source'), { asRoot }).root
  const keys = encrypted ? generateAgeKeyPair() : null
  const identities = keys === null ? [] : [keys.identity]
  await using target = closing(createLocalDirTarget({ path: path.join(folder, 'target') }))
  const run = await runBackup({ target: target.target, sources: [source], pipeline: { recipients: keys === null ? [] : [keys.recipient] } })

  const ours = path.join(folder, 'ours')
  const report = await restoreRun(run, ours, { identities })
  const theirs = path.join(folder, 'theirs')
  stockRestore(path.join(folder, 'target', runPrefix(run.ref.jobId, run.ref.runId)), theirs, keys === null ? {} : { identity: keys.identity })
  const { ok, entries, damaged } = await verifyRun(run, 'full', identities)
  return {
    status: run.outcome.status,
    grade: run.outcome.summary.grade,
    own: compareTrees(source, below(ours, source)),
    stock: compareTrees(source, below(theirs, source)),
    ownComplaints: [
      ...report.conflicts.sample,
      ...report.failed.sample,
      ...report.damaged.sample,
      ...(['owner', 'mode', 'mtime', 'xattrs'] as const).flatMap((what) =>
        report.metadata[what] > 0 ? [`${report.metadata[what]} without ${what}`] : [],
      ),
    ],
    verified: { ok, entries: { expected: entries.expected, checked: entries.checked }, damaged },
    parts: run.outcome.manifest.artifacts.length,
  }
}

function closing<T extends { close(): Promise<void> }>(target: T): AsyncDisposable & { target: T } {
  return { target, [Symbol.asyncDispose]: () => target.close() }
}

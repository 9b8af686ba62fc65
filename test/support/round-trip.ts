import path from 'node:path'
import { type Format, runPrefix } from '../../src/core/artifact.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { sleep } from '../../src/engine/targets/sleep.ts'
import { createThrottledTarget } from '../../src/engine/targets/throttled-target.ts'
import { createTokenBucket } from '../../src/engine/targets/token-bucket.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { compareTrees, type TreeFact } from './compare-trees.ts'
import { below, restoreRun, runBackup, stockRestore, stockRestoreTree, verifyRun } from './engine.ts'
import { everythingTree } from './everything-tree.ts'

export interface RoundTrip {
  status: string
  grade: string
  /** differences between the source and what came back */
  own: string[]
  /** null where the artifact is in no folder */
  stock: string[] | null
  ownComplaints: string[]
  verified: { ok: boolean; entries: { expected: number; checked: number }; damaged: unknown }
  parts: number
  leftAfterRemoval: string[]
}

export interface RoundTripRequest {
  folder: string
  asRoot: boolean
  format: Format
  encrypted?: boolean
  place?: keyof typeof places
}

const places = {
  /** where threads write a raw tree themselves */
  folder: (folder: string) => createLocalDirTarget({ path: path.join(folder, 'target') }),
  /** where each file of a raw tree is put */
  'throttled folder': (folder: string) => {
    const put = createTokenBucket({ bytesPerSecond: 2 ** 30, clock: { now: () => performance.now() }, sleep })
    return createThrottledTarget(createLocalDirTarget({ path: path.join(folder, 'target') }), { put })
  },
  memory: () => createMemoryTarget(),
}

/** Makes the tree of everything below `folder`, backs it up, restores it twice and compares; then removes the artifact. Every file of it belongs to who calls. */
export async function roundTrip({ folder, asRoot, format, encrypted = false, place = 'folder' }: RoundTripRequest): Promise<RoundTrip> {
  const source = everythingTree(path.join(folder, 'source'), { asRoot, readOnlyXattrs: format === 'raw_tree_v1' }).root
  const keys = encrypted ? generateAgeKeyPair() : null
  const identities = keys === null ? [] : [keys.identity]
  await using open = closing(places[place](folder))
  const { target } = open
  const run = await runBackup({ target, sources: [source], pipeline: { format, recipients: keys === null ? [] : [keys.recipient] } })

  const ours = path.join(folder, 'ours')
  const report = await restoreRun(run, ours, { identities })
  const prefix = runPrefix(run.ref.jobId, run.ref.runId)
  const { ok, entries, damaged } = await verifyRun(run, 'full', identities)
  return {
    status: run.outcome.status,
    grade: run.outcome.summary.grade,
    own: differencesOf(ours),
    stock: place === 'memory' ? null : differencesOf(restoreByStock(), true),
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
    leftAfterRemoval: await remove(),
  }

  function restoreByStock(): string {
    const theirs = path.join(folder, 'theirs')
    const artifact = path.join(folder, 'target', prefix)
    if (format === 'raw_tree_v1') stockRestoreTree(artifact, theirs)
    else stockRestore(artifact, theirs, keys === null ? {} : { identity: keys.identity })
    return theirs
  }

  /** Where hard links are copies by default, they come back as such; and objects keep no holes for a plain copy to find. */
  function differencesOf(restored: string, byStock = false): string[] {
    const { hardlink_policy, path: way } = run.outcome.summary.data_path
    const ignore: TreeFact[] = [
      ...(hardlink_policy === 'copy' ? (['one file with'] as const) : []),
      ...(byStock && way === 'tree_objects' ? (['data'] as const) : []),
    ]
    return compareTrees(source, below(restored, source), { ignore })
  }

  async function remove(): Promise<string[]> {
    await target.removeTree(prefix)
    const left: string[] = []
    for await (const { key } of target.list(run.ref.jobId)) left.push(key)
    return left
  }
}

function closing<T extends { close(): Promise<void> }>(target: T): AsyncDisposable & { target: T } {
  return { target, [Symbol.asyncDispose]: () => target.close() }
}

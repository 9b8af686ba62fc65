import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Format } from '../../src/core/artifact.ts'
import { listArtifacts } from '../../src/engine/list.ts'
import type { ArtifactRef } from '../../src/engine/open-artifact.ts'
import { removeArtifact, type RemoveArtifactOptions, type RemovedArtifact } from '../../src/engine/remove-artifact.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { runBackup, testJobId } from './engine.ts'
import { sourceTree } from './source-tree.ts'

/** The Hub of `runBackup`. */
export const testHubId = 'test'

/** A target with two artifacts of one job, of which one is to go. */
export interface RemovalCase {
  target: Target
  /** to go */
  ref: ArtifactRef
  /** to stay */
  other: ArtifactRef
  targetId: string
}

/** @param folder for the source; made */
export async function removalCase(target: Target, folder: string, format: Format): Promise<RemovalCase> {
  const tree = sourceTree(path.join(folder, 'source')).file('a', 1000).file('deep/er/b', 300_000).dir('empty').symlink('link', 'a').finish()
  writeFileSync(path.join(tree.root, 'large'), Buffer.alloc(2_500_000, 'xyz'))
  const backedUp = () => runBackup({ target, sources: [tree.root], pipeline: { format, level: 1 } })
  const [first, second] = [await backedUp(), await backedUp()]
  return { target, ref: first.ref, other: second.ref, targetId: first.outcome.targetId }
}

export function remove({ target, ref, targetId }: RemovalCase, options: Partial<RemoveArtifactOptions> = {}): Promise<RemovedArtifact> {
  return removeArtifact(target, ref, {
    expectedTargetId: targetId,
    hubId: testHubId,
    force: false,
    clock: { now: () => Date.now() },
    signal: new AbortController().signal,
    ...options,
  })
}

/** The keys of all objects, in order. */
export async function objectKeys(target: Target, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of target.list(prefix, { recursive: true })) keys.push(key)
  return keys.toSorted()
}

/** `<run_id> present|damaged` of all a listing shows of the job. */
export async function listedRuns(target: Target): Promise<string[]> {
  const listed: string[] = []
  for await (const artifact of listArtifacts(target, { jobId: testJobId, signal: new AbortController().signal }))
    listed.push(`${artifact.runId} ${artifact.status}`)
  return listed
}

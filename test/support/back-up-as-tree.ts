import path from 'node:path'
import { runPrefix } from '../../src/core/artifact.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { below, runBackup } from './engine.ts'

/** Copies a source into a folder of who calls, as `raw_tree_v1`. @returns where its content stands then */
export async function backUpAsTree({ folder, source }: { folder: string; source: string }): Promise<string> {
  const root = path.join(folder, 'target')
  const { ref } = await runBackup({ target: createLocalDirTarget({ path: root }), sources: [source], pipeline: { format: 'raw_tree_v1' } })
  return below(path.join(root, runPrefix(ref.jobId, ref.runId), 'data'), source)
}

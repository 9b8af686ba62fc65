import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import type { ArtifactRef } from '../../src/engine/open-artifact.ts'
import { restoreRun } from './engine.ts'

/** Restores from a folder target, in a process that a test ends before it is done. */
export async function restoreFrom({ target, ref, folder }: { target: string; ref: ArtifactRef; folder: string }): Promise<void> {
  await restoreRun({ target: createLocalDirTarget({ path: target }), ref }, folder)
}

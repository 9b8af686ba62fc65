import { objectNames } from '../core/artifact.ts'
import type { RunEvent } from '../core/run-event.ts'
import type { Target } from './targets/target.ts'

/** Objects removed at a time; a local directory makes all of them durable together. */
const pageSize = 64

/**
 * Removes what a run that failed has stored: its marker first, its run.json last, for as long as that stands incomplete cleanup knows whose the directory is.
 * Best effort and never throws: the run's own error is the one to tell.
 */
export async function removePartialRun(
  target: Target,
  prefix: string,
  emit: (kind: 'cleanup', message: string, fields: Record<string, unknown>, level: RunEvent['level']) => void,
): Promise<void> {
  try {
    await target.remove(`${prefix}/${objectNames.complete}`)
    let objects = 0
    for (const tree of [objectNames.tree, objectNames.odd]) objects += (await target.removeTree(`${prefix}/${tree}`)).objects
    objects += (await removeObjects(target, prefix)) + (await target.removeTree(prefix)).objects
    emit('cleanup', 'the partial run was removed', { objects }, 'info')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    emit('cleanup', 'the partial run could not be removed; incomplete cleanup will come back to it', { reason }, 'warn')
  }
}

/** All but run.json. @returns how many */
async function removeObjects(target: Target, prefix: string): Promise<number> {
  const run = `${prefix}/${objectNames.run}`
  let removed = 0
  let page: string[] = []
  const removePage = async () => {
    await Promise.all(page.map((key) => target.remove(key)))
    removed += page.length
    page = []
  }
  for await (const { key, kind } of target.list(prefix, { recursive: true })) {
    if (kind !== 'object' || key === run) continue
    page.push(key)
    if (page.length === pageSize) await removePage()
  }
  await removePage()
  return removed
}

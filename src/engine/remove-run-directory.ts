import { objectNames } from '../core/artifact.ts'
import { BastionError } from '../core/errors.ts'
import type { Target } from './targets/target.ts'

/**
 * Removes a run's directory in the order of the format: the marker, everything else, manifest.json, run.json, the directory. Ended at any point it can be begun again: without its
 * marker it is no artifact, and for as long as run.json stands it is known whose it is. That it is the right one is for the caller to prove.
 * @returns how many objects were removed
 * @throws target_rejected when the target says that it removed what is still there · the target's errors
 */
export async function removeRunDirectory(target: Target, prefix: string): Promise<number> {
  const marker = `${prefix}/${objectNames.complete}`
  const hadMarker = (await target.stat(marker)) !== null
  if (hadMarker) {
    await target.remove(marker)
    // With its marker it would be a damaged artifact instead of one that is being removed.
    if ((await target.stat(marker)) !== null) throw stillThere(target, marker)
  }
  const { objects } = await target.removeTree(prefix, { last: [objectNames.manifest, objectNames.run] })
  for await (const { key } of target.list(prefix, { recursive: true })) throw stillThere(target, key)
  return objects + (hadMarker ? 1 : 0)
}

function stillThere(target: Target, key: string): BastionError {
  return new BastionError('target_rejected', `${target.label} says that it removed ${key}, but it is still there`, {
    hint: 'Look at the permissions, at locks or versions the place may keep, and at its logs.',
  })
}

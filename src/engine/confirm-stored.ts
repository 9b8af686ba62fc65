import { BastionError } from '../core/errors.ts'
import type { Target } from './targets/target.ts'

/**
 * Looks at what lies in a run's directory before it is called complete: a target may have said that it stored what it did not.
 * @param expected bytes by name
 * @throws target_rejected
 */
export async function confirmStored(target: Target, prefix: string, expected: ReadonlyMap<string, number>, signal?: AbortSignal): Promise<void> {
  const listed = new Map<string, number | undefined>()
  for await (const { key, sizeBytes } of target.list(prefix, signal && { signal })) listed.set(key, sizeBytes)
  for (const [name, bytes] of expected) {
    const key = `${prefix}/${name}`
    // Not every place tells sizes in its listings, or lists what it has just stored.
    const stored = listed.get(key) ?? (await target.stat(key))?.sizeBytes
    if (stored === bytes) continue
    const what = stored === undefined ? 'is not there' : `has ${stored} bytes instead of ${bytes}`
    throw new BastionError('target_rejected', `${target.label} said that it stored ${name}, but it ${what}`, {
      hint: 'The place loses what it is given: look at its disks and its logs. "bastion target check" tries all that is asked of it.',
    })
  }
}

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
    requireSize(target, name, bytes, stored)
  }
}

/** @param storedBytes absent where nothing is. @throws target_rejected unless they are those that were due */
export function requireSize(target: Target, name: string, dueBytes: number, storedBytes: number | undefined): void {
  if (storedBytes === dueBytes) return
  const what = storedBytes === undefined ? 'is not there' : `has ${storedBytes} bytes instead of ${dueBytes}`
  throw new BastionError('target_rejected', `${target.label} said that it stored ${name}, but it ${what}`, {
    hint: 'The place loses what it is given: look at its disks and its logs. "bastion target check" tries all that is asked of it.',
  })
}

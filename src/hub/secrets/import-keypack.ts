import { existsSync, linkSync } from 'node:fs'
import path from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { BastionError, hasCode } from '../../core/errors.ts'
import { createSealedBox, type SealedBox } from '../../lib/sealed-box.ts'
import type { Store } from '../store/store.ts'
import type { Keypack } from './keypack.ts'
import { findMasterKey, masterKeyFile, openMasterBox, opensStore, writeKeyFile } from './master-key.ts'
import { placeOfKey } from './sealed-places.ts'

interface Place {
  dataDirectory: string
  store: Store
  clock: Clock
}

/** What became of a master key: `kept`: it was there already. `kept_aside`: the file the one before is in now, in the data directory. */
export interface ImportedMasterKey {
  result: 'written' | 'kept'
  kept_aside?: string
}

/** What became of an age key; `known`: the Hub had it, `as` is the name it has there. */
export interface ImportedAgeKey {
  name: string
  recipient: string
  result: 'added' | 'known'
  as: string
}

/**
 * Makes the keypack's master key the one of a data directory, while no Hub runs. What its database is sealed with is never replaced by another key; a key file
 * that is replaced is kept aside.
 * @throws conflict when the database was sealed with another key, or another key is there and `replaces` is false
 */
export async function importMasterKey(keypack: Keypack, { replaces, ...where }: Place & { replaces: boolean }): Promise<ImportedMasterKey> {
  const { dataDirectory, store } = where
  const key = Buffer.from(keypack.master_key, 'base64')
  const file = path.join(dataDirectory, masterKeyFile)
  const own = await usableKey(where)
  if (own !== null && key.equals(own)) {
    await openMasterBox(where)
    return { result: 'kept' }
  }
  if ((await opensStore(key, store)) === false) {
    throw new BastionError('conflict', `what is sealed in ${dataDirectory} was sealed with another master key than the one of this keypack`, {
      hint: 'Take over its age keys alone (--age-keys-only), or import it into a fresh --data-dir.',
    })
  }
  const isOccupied = existsSync(file)
  if (isOccupied && !replaces) {
    throw new BastionError('conflict', `${file} is another key, and nothing is known that it opens`, {
      hint: 'With --replace it is kept aside; with --age-keys-only it stays.',
    })
  }
  const kept_aside = isOccupied ? keepAside(file, where.clock.now()) : undefined
  writeKeyFile(file, key)
  await openMasterBox(where)
  return { result: 'written', ...(kept_aside !== undefined && { kept_aside }) }
}

/** Adds the identities that the Hub has not: under their own name, or the next free one. A Hub may use the data directory meanwhile. */
export async function importAgeKeys(
  { age_keys }: Keypack,
  { box, store, clock }: Omit<Place, 'dataDirectory'> & { box: SealedBox },
): Promise<ImportedAgeKey[]> {
  const imported: ImportedAgeKey[] = []
  for (const { name, recipient, identity, created_at } of age_keys) {
    const [known] = await store.ageKeys.byRecipients([recipient])
    const as = known?.name ?? (await addUnderFreeName())
    // Who has the keypack has the identity: it is kept apart from this Hub.
    await store.ageKeys.noteExported(as, clock.now())
    imported.push({ name, recipient, result: known === undefined ? 'added' : 'known', as })

    async function addUnderFreeName(): Promise<string> {
      for (let number = 1; ; number += 1) {
        const free = number === 1 ? name : `${name.slice(0, 58)}-${number}`
        const sealed = box.seal(Buffer.from(identity), placeOfKey({ name: free }))
        const kept = await store.ageKeys.insertIfAbsent({ name: free, recipient, sealed, created_at, exported_at: null })
        if (kept.recipient === recipient) return free
      }
    }
  }
  return imported
}

/** The box of a data directory that has its master key. @throws conflict when it has none yet · what findMasterKey throws */
export async function boxOf({ dataDirectory, store }: Pick<Place, 'dataDirectory' | 'store'>): Promise<SealedBox> {
  const found = await findMasterKey({ dataDirectory, store })
  if (found === null)
    throw new BastionError('conflict', `${dataDirectory} has no master key yet`, { hint: 'Import the whole keypack, without --age-keys-only.' })
  return createSealedBox(found.key)
}

/** The key that is in force; `null` when there is none, or one that opens nothing. */
async function usableKey(where: Place): Promise<Uint8Array | null> {
  try {
    return (await findMasterKey(where))?.key ?? null
  } catch (error) {
    if (!hasCode(error, 'invalid_spec')) throw error
    return null
  }
}

/** A second name for what is at `file`, which is going to be another: never one that is taken. @returns the name */
function keepAside(file: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  for (let number = 1; ; number += 1) {
    const aside = `${path.basename(file)}.before-${stamp}${number === 1 ? '' : `-${number}`}`
    try {
      linkSync(file, path.join(path.dirname(file), aside))
      return aside
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

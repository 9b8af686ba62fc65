import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { createSealedBox, SealBrokenError, sealingKeyBytes } from '../../lib/sealed-box.ts'
import type { Store } from '../store/store.ts'
import { nextKeyFile, openMasterBox, sealProof, settleMasterKey, writeKeyFile } from './master-key.ts'
import { placeOfKey, placeOfSecret } from './sealed-places.ts'

/** How much was sealed anew. */
export interface RotatedKey {
  secrets: number
  age_keys: number
}

/**
 * Makes a new master key and seals everything anew with it, where no Hub runs. Whenever it is cut, one of the two files opens all that is sealed, and the next
 * start knows which (docs/design/keys.md has the table).
 * @throws invalid_spec when something cannot be opened; then nothing has changed
 */
export async function rotateMasterKey({ dataDirectory, store, clock }: { dataDirectory: string; store: Store; clock: Clock }): Promise<RotatedKey> {
  const old = await openMasterBox({ dataDirectory, store, clock })
  const key = randomBytes(sealingKeyBytes)
  // What is there is of a rotation that was cut before anything was sealed with it: the old box has just been proven.
  writeKeyFile(path.join(dataDirectory, nextKeyFile), key)
  const next = createSealedBox(key)
  const reseal = (sealed: Uint8Array, place: string, what: string) => {
    try {
      return next.seal(old.open(sealed, place), place)
    } catch (error) {
      if (!(error instanceof SealBrokenError)) throw error
      throw new BastionError('invalid_spec', `${what} cannot be opened with the master key of this Hub, so nothing was changed`, {
        cause: error,
        hint: 'Store it again, or remove it. Then rotate.',
      })
    }
  }
  const rotated = await store.transaction(async (tx) => {
    const secrets = await tx.secrets.resealEach((secret) => reseal(secret.sealed, placeOfSecret(secret), `the secret ${secret.name}`))
    const age_keys = await tx.ageKeys.resealEach((one) => reseal(one.sealed, placeOfKey(one), `the key ${one.name}`))
    await sealProof(tx, next, clock)
    return { secrets, age_keys }
  })
  settleMasterKey(dataDirectory)
  return rotated
}

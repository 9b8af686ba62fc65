import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { createSealedBox } from '../../lib/sealed-box.ts'
import type { Store } from '../store/store.ts'
import { type Keypack, keypackSchema } from './keypack.ts'
import { findMasterKey } from './master-key.ts'
import { createSecretsVault } from './secrets-vault.ts'

/**
 * All that opens what a Hub keeps. Reads only; a Hub may use the data directory meanwhile. Once it is kept somewhere, {@link noteKept} says so.
 * @throws not_found when there is no key yet · invalid_spec when something cannot be opened with it
 */
export async function gatherKeypack({ dataDirectory, store, clock }: { dataDirectory: string; store: Store; clock: Clock }): Promise<Keypack> {
  const found = await findMasterKey({ dataDirectory, store })
  if (found === null) throw new BastionError('not_found', `${dataDirectory} has no master key yet`, { hint: 'Start the Hub once: it makes one.' })
  const vault = createSecretsVault({ store, box: createSealedBox(found.key), clock })
  const age_keys: Keypack['age_keys'] = []
  for (const { name } of await store.ageKeys.all()) {
    const { recipient, identity, created_at } = await vault.exportKey(name)
    age_keys.push({ name, recipient, identity, created_at })
  }
  return keypackSchema.parse({ made_at: clock.now(), master_key: Buffer.from(found.key).toString('base64'), age_keys })
}

/** From now on somebody else than the Hub can open what is encrypted to these keys. */
export async function noteKept({ age_keys }: Keypack, { store, clock }: { store: Store; clock: Clock }): Promise<void> {
  await store.transaction(async (tx) => {
    for (const { name } of age_keys) await tx.ageKeys.noteExported(name, clock.now())
  })
}

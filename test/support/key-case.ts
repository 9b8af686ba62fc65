import path from 'node:path'
import { openMasterBox } from '../../src/hub/secrets/master-key.ts'
import { createSecretsVault, type SecretsVault } from '../../src/hub/secrets/secrets-vault.ts'
import { databaseName, openStore, type Store } from '../../src/hub/store/store.ts'
import { createFakeClock } from './fake-clock.ts'
import { someTime } from './hub-records.ts'

export const keyClock = createFakeClock(someTime)

/** A data directory with its vault, as a Hub that starts opens it. */
export interface OpenVault extends AsyncDisposable {
  readonly store: Store
  readonly vault: SecretsVault
}

export async function openVault(dataDirectory: string): Promise<OpenVault> {
  await using opened = new AsyncDisposableStack()
  const store = opened.use(await openStore({ file: path.join(dataDirectory, databaseName), clock: keyClock }))
  const box = await openMasterBox({ dataDirectory, store, clock: keyClock })
  const kept = opened.move()
  return { store, vault: createSecretsVault({ store, box, clock: keyClock }), [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const values = { password: 'from the vault' }

/** Seals credentials of two nodes and an age key of each of `names`. */
export async function fillVault(dataDirectory: string, names: readonly string[]): Promise<void> {
  await using hub = await openVault(dataDirectory)
  for (const node_id of ['hub', 'attic']) {
    const sealed = hub.vault.seal(node_id, 'dav', { kind: 'webdav', values })
    await hub.store.secrets.put({ node_id, name: 'dav', ...sealed, created_at: 1, updated_at: 2 })
  }
  for (const name of names) await hub.vault.makeKey(name)
}

/** Opens all that is sealed. @returns the identities, by name */
export async function openAll({ store, vault }: OpenVault): Promise<Record<string, string>> {
  for (const node of ['hub', 'attic']) {
    const opened = await vault.credentialsFor(node, { type: 'webdav', secret_name: 'dav' })
    if (JSON.stringify(opened) !== JSON.stringify(values)) throw new Error(`the secret of ${node} is ${JSON.stringify(opened)}`)
  }
  const identities: Record<string, string> = {}
  for (const { name } of await store.ageKeys.all()) identities[name] = (await vault.exportKey(name)).identity
  return identities
}

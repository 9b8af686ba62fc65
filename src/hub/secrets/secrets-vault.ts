import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { generateAgeKeyPair } from '../../lib/age-keys.ts'
import { type SealedBox, SealBrokenError } from '../../lib/sealed-box.ts'
import { type Credentials, credentialsSchema } from '../../protocol/run-plan.ts'
import type { SecretInput } from '../../protocol/secret-spec.ts'
import type { AgeKeyRecord } from '../store/age-key-store.ts'
import type { SecretRecord } from '../store/secret-store.ts'
import type { Store } from '../store/store.ts'
import { placeOfKey, placeOfSecret } from './sealed-places.ts'

/** Credentials of nodes and identities of age keys. In the store they are sealed, each for its own place; they are opened here and nowhere else. */
export interface SecretsVault {
  /** The secret options of a target; none when it names no secret. @throws not_found · invalid_spec when the secret is for another kind of target */
  credentialsFor(nodeId: string, target: { type: string; secret_name?: string | undefined }): Promise<Credentials>
  /** The key of this name, made when there is none. */
  makeKey(keyName: string): Promise<AgeKeyRecord>
  /**
   * The recipient (`age1…`) of a key, which is made when there is none of its name.
   * @throws encryption_key_not_kept as long as only this Hub has its identity: what is encrypted to it would be lost with the Hub's disk
   */
  recipientFor(keyName: string): Promise<string>
  /** The identities this Hub has for any of `recipients`. */
  identitiesFor(recipients: readonly string[]): Promise<string[]>
  seal(nodeId: string, name: string, secret: SecretInput): Pick<SecretRecord, 'kind' | 'sealed'>
  /** @throws not_found */
  exportKey(keyName: string): Promise<AgeKeyRecord & { identity: string }>
}

interface VaultOptions {
  store: Pick<Store, 'secrets' | 'ageKeys'>
  box: SealedBox
  clock: Clock
}

export function createSecretsVault({ store, box, clock }: VaultOptions): SecretsVault {
  function open(sealed: Uint8Array, place: string, what: string): string {
    try {
      return Buffer.from(box.open(sealed, place)).toString()
    } catch (error) {
      if (!(error instanceof SealBrokenError)) throw error
      throw new BastionError('invalid_spec', `${what} cannot be opened with the master key of this Hub`, {
        cause: error,
        hint: 'Put back the master.key it was sealed with, or store it again.',
      })
    }
  }

  async function makeKey(name: string): Promise<AgeKeyRecord> {
    const known = await store.ageKeys.get(name)
    if (known !== null) return known
    const { identity, recipient } = generateAgeKeyPair()
    const sealed = box.seal(Buffer.from(identity), placeOfKey({ name }))
    return store.ageKeys.insertIfAbsent({ name, recipient, sealed, created_at: clock.now(), exported_at: null })
  }

  return {
    async credentialsFor(nodeId, { type, secret_name: name }) {
      if (name === undefined) return {}
      const secret = await store.secrets.get(nodeId, name)
      if (secret === null) {
        throw new BastionError('not_found', `the node ${nodeId} has no secret ${name}`, { hint: 'Store it, or name another one in the target.' })
      }
      if (secret.kind !== type) throw new BastionError('invalid_spec', `the secret ${name} is for ${secret.kind}, and the target is ${type}`)
      return credentialsSchema.parse(
        JSON.parse(open(secret.sealed, placeOfSecret({ node_id: nodeId, kind: secret.kind, name }), `the secret ${name}`)),
      )
    },
    makeKey,
    async recipientFor(keyName) {
      const { recipient, exported_at } = await makeKey(keyName)
      if (exported_at === null) {
        throw new BastionError(
          'encryption_key_not_kept',
          `the key ${keyName} is kept by this Hub alone, and backups encrypted to it would be lost with its disk`,
        )
      }
      return recipient
    },
    async identitiesFor(recipients) {
      const keys = await store.ageKeys.byRecipients(recipients)
      return keys.map(({ name, sealed }) => open(sealed, placeOfKey({ name }), `the key ${name}`))
    },
    seal(nodeId, name, { kind, values }) {
      return { kind, sealed: box.seal(Buffer.from(JSON.stringify(values)), placeOfSecret({ node_id: nodeId, kind, name })) }
    },
    async exportKey(keyName) {
      const key = await store.ageKeys.get(keyName)
      if (key === null) throw new BastionError('not_found', `there is no key ${keyName}`)
      return { ...key, identity: open(key.sealed, placeOfKey({ name: keyName }), `the key ${keyName}`) }
    },
  }
}

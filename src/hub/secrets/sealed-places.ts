import type { AgeKeyRecord } from '../store/age-key-store.ts'
import type { SecretRecord } from '../store/secret-store.ts'

/** What each sealed value was sealed for, as its associated data: owner, kind and name. None of them holds a space. */

export function placeOfSecret({ node_id, kind, name }: Pick<SecretRecord, 'node_id' | 'kind' | 'name'>): string {
  return `secret ${node_id} ${kind} ${name}`
}

export function placeOfKey({ name }: Pick<AgeKeyRecord, 'name'>): string {
  return `age_key hub age_x25519 ${name}`
}

import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** What a repository asks. Outside of a transaction readers do not wait for the writer; within one both are the transaction, and read what it has written. */
export interface Databases {
  readonly read: Kysely<Tables>
  readonly write: Kysely<Tables>
}

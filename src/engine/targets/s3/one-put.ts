import type { Retries } from '../retries.ts'
import type { PieceMemory } from './piece-memory.ts'
import type { S3Connection } from './s3-connection.ts'
import type { LookAtObject } from './s3-head.ts'

/** What the puts of one target share. */
export interface S3PutPlace {
  readonly connection: S3Connection
  readonly lookAt: LookAtObject
  readonly memory: PieceMemory
  /** For pieces of a stream, which nobody but the put can send again. */
  readonly retries: Retries | undefined
  /** Whether the server takes `If-None-Match: *`; some answer 501. */
  conditions: boolean
  readonly onLeftover: ((message: string) => void) | undefined
}

/** One put. */
export interface S3Put {
  readonly place: S3PutPlace
  /** in the bucket */
  readonly name: string
  /** how messages name it: `"a/b" in s3://bucket` */
  readonly object: string
  readonly ifAbsent: boolean
  /** Says of the stored object that this put made it. */
  readonly marker: string
  /** Ends all that is under way. */
  readonly ending: AbortController
  /** Runs a request, again where nobody else can. */
  attempt<T>(work: () => Promise<T>): Promise<T>
}

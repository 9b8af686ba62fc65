import type { Clock } from '../../../core/clock.ts'
import { mebibyte } from '../../../core/pipeline-spec.ts'
import { throwIfCanceled } from '../cancellation.ts'
import type { Retries } from '../retries.ts'
import type { GetOptions, ListOptions, ObjectEntry, Target } from '../target.ts'
import { rangeBounds } from '../target-key.ts'
import type { S3PutPlace } from './one-put.ts'
import { createPieceMemory } from './piece-memory.ts'
import { createS3Connection, type S3Credentials, type S3Timeouts } from './s3-connection.ts'
import { readS3Object } from './s3-get.ts'
import { createLookAtObject } from './s3-head.ts'
import { createS3Keys } from './s3-keys.ts'
import { listPages } from './s3-list.ts'
import { putObject } from './s3-put.ts'
import { createS3Remover, removeObject } from './s3-remove.ts'

/** All pieces of all puts of a target, on their way or being filled. */
const uploadMemoryBytes = 128 * mebibyte

export interface S3TargetOptions {
  bucket: string
  /** in the bucket, without slashes around it; @default the whole bucket */
  prefix?: string
  /** @default Amazon's */
  endpoint?: string | undefined
  region: string
  /** @default with an endpoint of one's own yes, at Amazon's no */
  pathStyle?: boolean | undefined
  /** @default what the SDK finds, in ~/.aws, at the machine's own metadata service … */
  credentials?: S3Credentials | undefined
  /** PEM of a CA that is trusted besides those Node trusts */
  caCertificate?: string | undefined
  clock: Clock
  /** How pieces of a stream are sent again, which the retrying target cannot do. @default once only */
  retries?: Retries | undefined
  /** Told of uploads that were broken off and could not be discarded. */
  onLeftover?: ((message: string) => void) | undefined
  timeouts: S3Timeouts
}

/**
 * A bucket of an S3 server, or what lies below a prefix in it. A put is atomic, for an object appears when its last byte was taken; what S3 calls an
 * unfinished upload is no object. Whether a server decides between two who put with `ifAbsent` cannot be known without trying, so that is used where it
 * works and not promised.
 */
export function createS3Target(options: S3TargetOptions): Target {
  const { bucket, prefix = '', endpoint, pathStyle = endpoint !== undefined } = options
  const keys = createS3Keys(prefix)
  const connection = createS3Connection({ ...options, pathStyle })
  const label = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}${endpoint === undefined ? '' : `?endpoint=${endpoint}`}`
  const lookAt = createLookAtObject(connection)
  const remover = createS3Remover(connection)
  const place: S3PutPlace = {
    connection,
    lookAt,
    memory: createPieceMemory(uploadMemoryBytes),
    retries: options.retries,
    conditions: true,
    onLeftover: options.onLeftover,
  }

  function named(key: string): string {
    return key === '' ? label : `"${key}" in ${label}`
  }

  async function* list(prefixKey: string, { recursive = false, signal }: ListOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
    const directory = keys.directoryName(prefixKey)
    throwIfCanceled(signal)
    for await (const page of listPages(connection, directory, { deep: recursive, doing: `Cannot list ${named(prefixKey)}`, signal })) {
      for (const { name, ...stat } of page.objects) {
        const key = keys.keyOf(name)
        if (key !== undefined) yield { key, kind: 'object', ...stat }
      }
      for (const name of page.directories) {
        const key = keys.keyOf(name.slice(0, -1))
        if (key !== undefined) yield { key, kind: 'directory' }
      }
    }
  }

  return {
    label,
    features: { atomicPut: true, rangeReads: true, streamingPut: true, ...(options.retries !== undefined && { holdsPieces: true }) },
    put: async (key, body, putOptions = {}) => await putObject(place, { name: keys.objectName(key), object: named(key) }, body, putOptions),
    async get(key: string, { range, signal }: GetOptions = {}) {
      const name = keys.objectName(key)
      const { offset, end } = rangeBounds(range)
      throwIfCanceled(signal)
      return await readS3Object(connection, { name, doing: `Cannot read ${named(key)}`, signal }, { offset, end })
    },
    async stat(key) {
      const found = await lookAt(keys.objectName(key), { doing: `Cannot look at ${named(key)}` })
      if (found === null) return null
      const { marker: _, ...stat } = found
      return stat
    },
    list,
    remove: async (key) => await removeObject(connection, keys.objectName(key), `Cannot remove ${named(key)}`),
    removeTree: async (directory, { last = [] } = {}) => ({
      objects: await remover.removeTree(keys.removableDirectoryName(directory), last, `Cannot remove ${named(directory)}`),
    }),
    async removeDirectory(directory) {
      keys.removableDirectoryName(directory)
      return false
    },
    close: () => connection.close(),
  }
}

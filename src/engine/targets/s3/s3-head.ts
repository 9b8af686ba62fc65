import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { BastionError, hasCode } from '../../../core/errors.ts'
import type { ObjectStat } from '../target.ts'
import type { S3Connection, S3Request } from './s3-connection.ts'
import { statusOf } from './s3-error.ts'

/** The metadata (`x-amz-meta-…`) by which a put knows the object as its own, when an answer was lost on the way. */
export const markerName = 'bastion-upload'

export interface S3Head extends ObjectStat {
  /** of the put that made it, where it left one */
  marker?: string
}

export type LookAtObject = (name: string, request: S3Request) => Promise<S3Head | null>

/**
 * Looks at one object: HEAD, whose errors have no body and so no reason. Where that matters (403; the first 404, which may be the bucket's) the
 * reason is had by asking for the object's first byte.
 */
export function createLookAtObject(connection: S3Connection): LookAtObject {
  const { bucket } = connection
  let bucketSeen = false

  async function explain(name: string, request: S3Request, error: BastionError): Promise<null> {
    try {
      const { Body } = await connection.ask(request, (client, options) =>
        client.send(new GetObjectCommand({ Bucket: bucket, Key: name, Range: 'bytes=0-0' }), options),
      )
      if (Body !== undefined && 'destroy' in Body) Body.destroy()
    } catch (reason) {
      if (!hasCode(reason, 'target_not_found')) throw reason
      bucketSeen = true
      if (statusOf(error) === 404) return null
    }
    // It came meanwhile, or only HEAD is refused.
    throw error
  }

  return async (name, request) => {
    try {
      const head = await connection.ask(request, (client, options) => client.send(new HeadObjectCommand({ Bucket: bucket, Key: name }), options))
      bucketSeen = true
      if (head.ContentLength === undefined) throw new BastionError('target_rejected', `${request.doing}: the server does not tell its size.`)
      const marker = head.Metadata?.[markerName]
      return {
        sizeBytes: head.ContentLength,
        ...(head.LastModified !== undefined && { modifiedMs: head.LastModified.getTime() }),
        ...(marker !== undefined && { marker }),
      }
    } catch (error) {
      const status = statusOf(error)
      if (status === 404 && bucketSeen) return null
      if (status === 404 || status === 403) return await explain(name, request, error as BastionError)
      throw error
    }
  }
}

import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { BastionError, hasCode } from '../../../core/errors.ts'
import type { S3Connection } from './s3-connection.ts'
import { answerCodeOf, statusOf } from './s3-error.ts'
import { listPages } from './s3-list.ts'

/** Where objects are removed one by one: so many at once. */
const removalsInFlight = 8
/** A directory that others keep filling, or that a server only says it empties, is given up after so many looks. */
const maxPasses = 5
/** A thousand objects in one request. */
const batchMs = 5 * 60_000

/** Removes one object; absent is no error. */
export async function removeObject(connection: S3Connection, name: string, doing: string): Promise<void> {
  try {
    await connection.ask({ doing }, (client, options) => client.send(new DeleteObjectCommand({ Bucket: connection.bucket, Key: name }), options))
  } catch (error) {
    if (!hasCode(error, 'target_not_found')) throw error
  }
}

export interface S3Remover {
  /**
   * Removes every object whose name begins with `directory`, and discards uploads below it that were never finished.
   * @param directory with a slash at its end
   * @param last names directly in it that are removed when a look finds nothing else
   * @returns how many objects were removed
   */
  removeTree(directory: string, last: readonly string[], doing: string): Promise<number>
}

export function createS3Remover(connection: S3Connection): S3Remover {
  const { bucket } = connection
  /** Not every server knows the request that removes many. */
  let knowsBatches = true

  async function removeTree(directory: string, last: readonly string[], doing: string): Promise<number> {
    await discardUploads(connection, directory, doing)
    const lastNames = last.map((name) => directory + name)
    let removed = 0
    for (let pass = 1; pass <= maxPasses; pass++) {
      let found = 0
      const kept: string[] = []
      for await (const { objects } of listPages(connection, directory, { deep: true, doing })) {
        const names = objects.map(({ name }) => name)
        const others = names.filter((name) => !lastNames.includes(name))
        kept.push(...names.filter((name) => lastNames.includes(name)))
        await removeAll(others, doing)
        found += others.length
      }
      removed += found
      // Only a look that finds nothing proves that nothing is left.
      if (found > 0) continue
      for (const name of lastNames.filter((each) => kept.includes(each))) await removeObject(connection, name, doing)
      return removed + kept.length
    }
    throw new BastionError('target_rejected', `${doing}: something is still there after ${maxPasses} times.`)
  }

  async function removeAll(names: readonly string[], doing: string): Promise<void> {
    const removed = knowsBatches ? await removeBatch(names.filter(isSafeInXml), doing) : new Set<string>()
    const left = names.filter((name) => !removed.has(name))
    // What the batch did not remove is asked for alone: either it goes, or its own error is told.
    for (let at = 0; at < left.length; at += removalsInFlight) {
      await Promise.all(left.slice(at, at + removalsInFlight).map((name) => removeObject(connection, name, doing)))
    }
  }

  /** @returns those the server says it removed */
  async function removeBatch(names: readonly string[], doing: string): Promise<Set<string>> {
    if (names.length === 0) return new Set()
    try {
      const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: names.map((Key) => ({ Key })) } })
      useContentMd5(command)
      const { Deleted = [] } = await connection.ask({ doing, answerMs: batchMs }, (client, options) => client.send(command, options))
      return new Set(Deleted.map(({ Key }) => Key ?? ''))
    } catch (error) {
      if (!isUnknownRequest(error)) throw error
      knowsBatches = false
      return new Set()
    }
  }

  return { removeTree }
}

/** The request must carry a checksum; the newer headers the SDK would choose are not known everywhere, Content-MD5 is. */
function useContentMd5(command: DeleteObjectsCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers, body } = args.request as { headers: Record<string, string>; body: string }
      for (const name of Object.keys(headers)) if (/^x-amz-(checksum-|sdk-checksum-)/i.test(name)) delete headers[name]
      headers['content-md5'] = createHash('md5').update(body).digest('base64')
      return next(args)
    },
    { step: 'build', priority: 'low', name: 'contentMd5' },
  )
}

function isUnknownRequest(error: unknown): boolean {
  const status = statusOf(error)
  return status === 501 || status === 405 || (status === 400 && answerCodeOf(error) !== '')
}

/** XML 1.0 has no control characters, and its readers change line ends. */
function isSafeInXml(name: string): boolean {
  return !/[\p{Cc}\u2028\u2029\ufffe\uffff]/u.test(name)
}

/** What an upload that was broken off left costs its owner room, and is in nobody's way: a server that does not show or discard such keeps it. */
async function discardUploads(connection: S3Connection, directory: string, doing: string): Promise<void> {
  const { bucket } = connection
  try {
    for (let more = true, marker = {}; more;) {
      const answer: ListMultipartUploadsCommandOutput = await connection.ask({ doing }, (client, options) =>
        client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: directory, ...marker }), options),
      )
      for (const { Key, UploadId } of answer.Uploads ?? []) {
        if (Key?.startsWith(directory) === true) await discardUpload(connection, Key, UploadId, doing)
      }
      more = answer.IsTruncated === true && answer.NextKeyMarker !== undefined
      marker = { KeyMarker: answer.NextKeyMarker, UploadIdMarker: answer.NextUploadIdMarker }
    }
  } catch (error) {
    if (!hasCode(error, 'target_permission', 'target_rejected')) throw error
  }
}

async function discardUpload(connection: S3Connection, name: string, uploadId: string | undefined, doing: string): Promise<void> {
  try {
    await connection.ask({ doing }, (client, options) =>
      client.send(new AbortMultipartUploadCommand({ Bucket: connection.bucket, Key: name, UploadId: uploadId }), options),
    )
  } catch (error) {
    if (answerCodeOf(error) !== 'NoSuchUpload') throw error
  }
}

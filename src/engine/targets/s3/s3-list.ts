import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { BastionError } from '../../../core/errors.ts'
import { throwIfCanceled } from '../cancellation.ts'
import type { S3Connection } from './s3-connection.ts'
import { decodeListedName } from './s3-keys.ts'

export interface ListedObject {
  /** in the bucket */
  name: string
  sizeBytes?: number
  modifiedMs?: number
}

export interface ListedPage {
  objects: ListedObject[]
  /** with the slash at their end */
  directories: string[]
}

/**
 * What is in the bucket below a directory's name (`''`, or with a slash at its end), and nothing else, a page of at most a thousand at a time. Names
 * that are not UTF-8 are left out: no key could name them.
 * @param options.deep all objects below, and no directories
 */
export async function* listPages(
  connection: S3Connection,
  directory: string,
  options: { deep: boolean; doing: string; signal?: AbortSignal | undefined },
): AsyncGenerator<ListedPage, void, undefined> {
  const { deep, doing, signal } = options
  let token: string | undefined
  do {
    const answer: ListObjectsV2CommandOutput = await connection.ask({ doing, signal }, (client, sendOptions) =>
      client.send(
        new ListObjectsV2Command({
          Bucket: connection.bucket,
          EncodingType: 'url',
          ...(directory !== '' && { Prefix: directory }),
          ...(!deep && { Delimiter: '/' }),
          ...(token !== undefined && { ContinuationToken: token }),
        }),
        sendOptions,
      ),
    )
    const page = pageOf(answer)
    // What is listed may be removed: a server that answers with more than it was asked for is not believed.
    if (![...page.objects.map(({ name }) => name), ...page.directories].every((name) => name.startsWith(directory))) {
      throw new BastionError('target_rejected', `${doing}: the server lists other things too.`)
    }
    yield page
    throwIfCanceled(signal)
    const nextToken = answer.IsTruncated === true ? answer.NextContinuationToken : undefined
    if (answer.IsTruncated === true && (nextToken === undefined || nextToken === token)) {
      throw new BastionError('target_rejected', `${doing}: the server says that there is more, and not how to go on.`)
    }
    token = nextToken
  } while (token !== undefined)
}

function pageOf(answer: ListObjectsV2CommandOutput): ListedPage {
  // A server that knows no encoding does not repeat the wish.
  const decode = answer.EncodingType === 'url' ? decodeListedName : (name: string) => name
  const page: ListedPage = { objects: [], directories: [] }
  for (const { Key, Size, LastModified } of answer.Contents ?? []) {
    const name = decode(Key ?? '')
    if (name === undefined) continue
    const modifiedMs = LastModified?.getTime()
    page.objects.push({ name, ...(Size !== undefined && { sizeBytes: Size }), ...(modifiedMs !== undefined && { modifiedMs }) })
  }
  for (const { Prefix } of answer.CommonPrefixes ?? []) {
    const name = decode(Prefix ?? '')
    if (name !== undefined) page.directories.push(name)
  }
  return page
}

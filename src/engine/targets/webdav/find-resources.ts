import { BastionError } from '../../../core/errors.ts'
import type { WebdavResponse } from './http-exchange.ts'
import { httpStatusError } from '../http-status-error.ts'
import { isTemporaryName } from '../temporary-name.ts'
import { CutMultiStatusError, type DavResource, MultiStatusError, readMultiStatus } from './multi-status.ts'
import { isAbsent, isSentToCollection, isSuccess, refusal, type WebdavPlace } from './webdav-place.ts'

export type FoundResource = { kind: 'object'; sizeBytes: number; modifiedMs?: number } | { kind: 'collection' }
/** The size is absent where a listing does not tell it. */
export type FoundChild = { name: string; kind: 'object'; sizeBytes?: number; modifiedMs?: number } | { name: string; kind: 'collection' }

interface FindOptions {
  /** how an error's sentence starts */
  doing: string
  signal?: AbortSignal | undefined
}

const wanted = Buffer.from(
  '<?xml version="1.0" encoding="utf-8"?>\n<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>\n',
)

/** What stands under a key, `null` when nothing does. */
export async function findResource(place: WebdavPlace, segments: readonly string[], options: FindOptions): Promise<FoundResource | null> {
  const path = segments.length === 0 ? place.paths.collection([]) : place.paths.object(segments)
  const response = await propfind(place, path, '0', options)
  if (response === null) return null
  if (isSentToCollection(place, response, path)) return { kind: 'collection' }
  let self: DavResource | undefined
  for await (const { resource, below } of resourcesOf(place, response, segments, options.doing)) if (below?.length === 0) self = resource
  if (self === undefined) throw notUnderstood(options.doing, 'it says nothing of what was asked for')
  if (self.status === 404) return null
  if (self.isCollection) return { kind: 'collection' }
  const { modifiedMs } = self
  return { kind: 'object', sizeBytes: self.sizeBytes ?? (await sizeByHead(place, path, options)), ...(modifiedMs !== undefined && { modifiedMs }) }
}

/**
 * What a collection holds, one level deep; nothing where there is no collection. All of it is read before it is returned: a server does not wait for as long
 * as somebody may take over each entry. Left out are what no key can name and, unless they are asked for, objects on their way in.
 */
export async function findChildren(
  place: WebdavPlace,
  segments: readonly string[],
  options: FindOptions & { temporary?: true },
): Promise<FoundChild[]> {
  const response = await propfind(place, place.paths.collection(segments), '1', options)
  if (response === null) return []
  const children: FoundChild[] = []
  let self: DavResource | undefined
  for await (const { resource, below } of resourcesOf(place, response, segments, options.doing)) {
    if (below === null) continue
    const [name] = below
    if (name === undefined) self = resource
    else if (below.length === 1 && resource.status !== 404) {
      const { isCollection, sizeBytes, modifiedMs } = resource
      if (isCollection) children.push({ name, kind: 'collection' })
      else if (options.temporary || !isTemporaryName(name)) {
        children.push({ name, kind: 'object', ...(sizeBytes !== undefined && { sizeBytes }), ...(modifiedMs !== undefined && { modifiedMs }) })
      }
    }
  }
  if (self === undefined) throw notUnderstood(options.doing, 'it says nothing of the collection itself')
  return self.isCollection ? children : []
}

/** Whether a collection is there in which nothing is, nothing either that no key can name. */
export async function isEmptyCollection(place: WebdavPlace, segments: readonly string[], options: FindOptions): Promise<boolean> {
  const response = await propfind(place, place.paths.collection(segments), '1', options)
  if (response === null) return false
  let answers = 0
  let isCollection = false
  for await (const { resource, below } of resourcesOf(place, response, segments, options.doing)) {
    answers += 1
    isCollection ||= below?.length === 0 && resource.isCollection
  }
  return isCollection && answers === 1
}

/** A multi-status answer, or a redirection; `null` when nothing is there. */
async function propfind(place: WebdavPlace, path: string, depth: '0' | '1', { doing, signal }: FindOptions): Promise<WebdavResponse | null> {
  const headers = { depth, 'content-type': 'application/xml; charset=utf-8' }
  const response = await place.client.send({ method: 'PROPFIND', path, headers, body: wanted, doing, signal })
  if (response.status === 207 || isSentToCollection(place, response, path)) return response
  if (isAbsent(response)) return null
  // Apache's answer where a part of the path is an object.
  if (response.status === 400 && isAbsent(await place.client.send({ method: 'HEAD', path, doing, signal }))) return null
  throw refusal(place, response, doing)
}

/** For servers whose properties have no length. */
async function sizeByHead(place: WebdavPlace, path: string, { doing, signal }: FindOptions): Promise<number> {
  const response = await place.client.send({ method: 'HEAD', path, doing, signal })
  if (!isSuccess(response)) throw refusal(place, response, doing)
  const length = response.header('content-length')
  if (length === undefined || !/^\d+$/.test(length)) throw notUnderstood(doing, 'it does not tell the size')
  return Number(length)
}

/** @param segments which the answer is to be about, or below; what no key can name comes with `null` */
async function* resourcesOf(
  place: WebdavPlace,
  response: WebdavResponse,
  segments: readonly string[],
  doing: string,
): AsyncGenerator<{ resource: DavResource; below: string[] | null }, void, undefined> {
  try {
    for await (const resource of readMultiStatus(response.bytes())) {
      const { status = 200 } = resource
      if (status >= 300 && status !== 404) throw httpStatusError(doing, { status }, place.clock.now())
      yield { resource, below: place.paths.below(segments, resource.href) }
    }
  } catch (error) {
    if (error instanceof CutMultiStatusError)
      throw new BastionError('target_unreachable', `${doing}: the server broke off its answer to PROPFIND.`, { cause: error })
    throw error instanceof MultiStatusError || error instanceof RangeError ? notUnderstood(doing, error.message, error) : error
  }
}

function notUnderstood(doing: string, why: string, cause?: unknown): BastionError {
  return new BastionError('target_rejected', `${doing}: the server's answer to PROPFIND cannot be used: ${why}.`, {
    cause,
    hint: 'Check that the address is the one the server itself gives to what it holds; a proxy may change it on the way.',
  })
}

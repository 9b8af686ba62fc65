import type { Clock } from '../../../core/clock.ts'
import { BastionError } from '../../../core/errors.ts'
import { throwIfCanceled } from '../cancellation.ts'
import type { ListOptions, ObjectEntry, ObjectStat, Target } from '../target.ts'
import { keySegments, prefixSegments, removablePrefixSegments } from '../target-key.ts'
import { isTemporaryName } from '../temporary-name.ts'
import { createCollections } from './collections.ts'
import { findChildren, findResource } from './find-resources.ts'
import { getObject } from './get-object.ts'
import { createMoveObject } from './move-object.ts'
import { putObject } from './put-object.ts'
import { createWebdavClient } from './webdav-client.ts'
import { createWebdavPaths } from './webdav-path.ts'
import { doingTo, type WebdavPlace } from './webdav-place.ts'
import { createWebdavRemover } from './webdav-remove.ts'

export interface WebdavTargetOptions {
  /** of a collection, which the first put makes if it is not there; without user, query and fragment */
  baseUrl: string
  username?: string | undefined
  password?: string | undefined
  /** PEM of a CA that is trusted besides those this machine trusts */
  caCertificate?: string | undefined
  /** how long the server may be silent; longer for larger bodies */
  timeoutMs: number
  clock: Clock
}

/**
 * A collection on a WebDAV server (RFC 4918): an object is a resource, its key its path below the collection, directories are collections made as needed. An
 * object is stored under a temporary name beside its own and moved: that is what makes a put atomic where a server's own PUT is not.
 */
export function createWebdavTarget(options: WebdavTargetOptions): Target {
  const { baseUrl, username, password, caCertificate, timeoutMs, clock } = options
  const url = new URL(baseUrl)
  const paths = createWebdavPaths(url.pathname)
  const label = `webdav+${url.origin}${paths.object([])}`
  const credentials = username === undefined ? undefined : { username, password: password ?? '' }
  if (credentials === undefined && password !== undefined) throw new BastionError('invalid_spec', `${label}: a password is given, but no user name.`)
  if (username?.includes(':') === true) throw new BastionError('invalid_spec', `${label}: a user name for HTTP holds no ":".`)
  const client = createWebdavClient({ origin: url.origin, rootPath: paths.collection([]), credentials, caCertificate, timeoutMs, clock })
  const place: WebdavPlace = { client, paths, label, origin: url.origin, clock }
  const collections = createCollections(place)
  const move = createMoveObject(place)
  const remover = createWebdavRemover(place, collections)

  async function stat(key: string): Promise<ObjectStat | null> {
    const segments = keySegments(key)
    const found = await findResource(place, segments, { doing: doingTo(place, 'look at', segments) })
    if (found?.kind !== 'object') return null
    const { kind: _, ...objectStat } = found
    return objectStat
  }

  async function* list(prefix: string, { recursive = false, signal }: ListOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
    const waiting = [prefixSegments(prefix)]
    for (let segments = waiting.pop(); segments !== undefined; segments = waiting.pop()) {
      throwIfCanceled(signal)
      const children = await findChildren(place, segments, { doing: doingTo(place, 'list', segments), signal })
      for (const { name, kind, ...facts } of children) {
        throwIfCanceled(signal)
        const child = [...segments, name]
        if (kind === 'object') yield { key: child.join('/'), kind, ...facts }
        else if (recursive) waiting.push(child)
        else yield { key: child.join('/'), kind: 'directory' }
      }
    }
  }

  return {
    label,
    features: { atomicPut: true, rangeReads: true, streamingPut: true },
    async put(key, body, putOptions = {}) {
      const segments = keySegments(key)
      if (!isTemporaryName(segments.at(-1)!)) return await putObject(place, collections, move, segments, body, putOptions)
      throw new BastionError('target_rejected', `"${key}": ${label} keeps names like this for objects on their way in.`)
    },
    get: async (key, getOptions = {}) => await getObject(place, keySegments(key), getOptions),
    stat,
    list,
    remove: async (key) => await remover.remove(keySegments(key)),
    async removeTree(prefix, { last = [] } = {}) {
      const segments = removablePrefixSegments(prefix)
      let objects = 0
      for await (const _ of list(prefix, { recursive: true })) objects++
      await remover.removeCollection(segments, { objects, last })
      return { objects }
    },
    removeDirectory: async (prefix) => await remover.removeEmptyCollection(removablePrefixSegments(prefix)),
    close: () => client.close(),
  }
}

import { BastionError } from '../../../core/errors.ts'
import { orCanceled, throwIfCanceled } from '../cancellation.ts'
import type { GetOptions, ListOptions, ObjectEntry, ObjectStat, PutOptions, PutResult, RemovedCounts, RemoveTreeOptions, Target } from '../target.ts'
import { keySegments, prefixSegments, rangeBounds, removablePrefixSegments } from '../target-key.ts'
import { isTemporaryName } from '../temporary-name.ts'
import { createSftpConnection } from './sftp-connection.ts'
import { createSftpDirectories, vanishedError } from './sftp-directories.ts'
import { listDirectory, pagesOf } from './sftp-list.ts'
import { authenticationMethods, type SftpLogin } from './sftp-login.ts'
import { linkError, lookAt, pathOf, type SftpRoot } from './sftp-path.ts'
import { readFile } from './sftp-read.ts'
import { removeTreeBelow } from './sftp-remove-tree.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, sftpError, sftpStatus } from './sftp-status.ts'
import { createSftpMetadata } from './sftp-metadata.ts'
import { createSftpTree } from './sftp-tree.ts'
import { explainFailure, storeObject } from './store-object.ts'

export interface SftpOptions extends SftpLogin {
  /** from the server's own root, or from the folder the account begins in; made, with those above it, by the first put */
  path: string
  /** How long the server may take to let us in, or be silent while it owes an answer; what is large gets more. */
  timeoutMs: number
}

/**
 * A folder on a server, by SFTP version 3: an object is a file (0600), its key in UTF-8 its path below the root, directories are made as needed (0700).
 * The root may be a symbolic link; below it links are never followed. An object is written under a temporary name beside its own, flushed where the
 * server can, and renamed, by OpenSSH's extensions where the server has them; with `inPlace` a new one has its name at once. A tree has real directories and, where the server makes them, links.
 *
 * Nothing is connected before the first request. All share one connection, opened again after it broke. A server whose host key is not pinned is not
 * spoken to.
 * @throws invalid_spec when the private key cannot be used
 */
export function createSftpTarget(options: SftpOptions): Target {
  const { host, port, hostKey, timeoutMs } = options
  const label = labelOf(options)
  const root: SftpRoot = { path: options.path.replace(/\/+$/, ''), label }
  const connection = createSftpConnection({ host, port, hostKey, timeoutMs, label, methods: authenticationMethods(options) })
  const directories = createSftpDirectories(connection, root)
  const given = createSftpMetadata()

  /** Runs `work`; what the server refuses becomes an error of the target that says what was tried. */
  async function attempt<T>(verb: string, key: string, signal: AbortSignal | undefined, work: (session: SftpSession) => Promise<T>): Promise<T> {
    throwIfCanceled(signal)
    const session = await connection.session(signal)
    try {
      return await work(session)
    } catch (error) {
      throw await explain(session, error, verb, key)
    }
  }

  async function explain(session: SftpSession, error: unknown, verb: string, key: string): Promise<unknown> {
    return sftpError(await explainFailure(session, pathOf(root, []), error), `Cannot ${verb} ${named(key)}`)
  }

  function named(key: string): string {
    return key === '' ? label : `"${key}" in ${label}`
  }

  async function put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, putOptions: PutOptions = {}): Promise<PutResult> {
    const segments = keySegments(key)
    const name = segments.pop()!
    if (isTemporaryName(name)) throw new BastionError('target_rejected', `"${key}": ${label} keeps names like this for objects on their way in.`)
    return await attempt('store', key, putOptions.signal, async () => {
      const directory = await orCanceled(directories.make(segments), putOptions.signal)
      const sizeBytes = await storeObject({ connection, given }, { directory, name, label: named(key) }, body, putOptions).catch((error: unknown) => {
        throw hasStatus(error, sftpStatus.noSuchFile) ? vanishedError(root, segments) : error
      })
      await directories.sync(directory)
      return { sizeBytes }
    })
  }

  async function get(key: string, { range, signal }: GetOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const segments = keySegments(key)
    const { offset, end } = rangeBounds(range)
    return await attempt('read', key, signal, async (session) => {
      const found = await orCanceled(lookAt(session, root, segments), signal)
      if (found?.kind === 'link') throw linkError(root, segments)
      if (found?.kind !== 'file') throw new BastionError('target_not_found', `There is no object ${named(key)}.`)
      return { [Symbol.asyncIterator]: () => pieces(key, segments, { offset, end }, found.sizeBytes, signal) }
    })
  }

  async function* pieces(
    key: string,
    segments: readonly string[],
    range: { offset: number; end: number },
    expectedBytes: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    throwIfCanceled(signal)
    const session = await connection.session(signal)
    try {
      yield* readFile(session, pathOf(root, segments), named(key), range, expectedBytes, signal)
    } catch (error) {
      throw await explain(session, error, 'read', key)
    }
  }

  async function stat(key: string): Promise<ObjectStat | null> {
    const segments = keySegments(key)
    return await attempt('look at', key, undefined, async (session) => {
      const found = await lookAt(session, root, segments)
      if (found?.kind === 'link') throw linkError(root, segments)
      if (found?.kind !== 'file') return null
      const { sizeBytes, modifiedMs } = found
      return { sizeBytes, ...(modifiedMs !== undefined && { modifiedMs }) }
    })
  }

  async function* list(prefix: string, listOptions: ListOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
    const segments = prefixSegments(prefix)
    throwIfCanceled(listOptions.signal)
    const session = await connection.session(listOptions.signal)
    try {
      const found = await orCanceled(lookAt(session, root, segments), listOptions.signal)
      if (found?.kind === 'link') throw linkError(root, segments)
      if (found?.kind === 'directory') yield* listDirectory(session, root, segments, listOptions)
    } catch (error) {
      throw await explain(session, error, 'list', prefix)
    }
  }

  async function remove(key: string): Promise<void> {
    const segments = keySegments(key)
    await attempt('remove', key, undefined, async (session) => {
      const found = await lookAt(session, root, segments)
      if (found === undefined || found.kind === 'directory') return
      try {
        await session.remove(pathOf(root, segments))
      } catch (error) {
        // Somebody else was faster.
        if (!hasStatus(error, sftpStatus.noSuchFile)) throw error
      }
      await directories.sync(pathOf(root, segments.slice(0, -1)))
    })
  }

  async function removeTree(prefix: string, { last = [] }: RemoveTreeOptions = {}): Promise<RemovedCounts> {
    const segments = removablePrefixSegments(prefix)
    directories.forget(segments)
    return await attempt('remove', prefix, undefined, async (session) => {
      const objects = await removeTreeBelow(session, root, segments, last)
      await directories.sync(pathOf(root, segments.slice(0, -1)))
      return { objects }
    })
  }

  async function removeDirectory(prefix: string): Promise<boolean> {
    const segments = removablePrefixSegments(prefix)
    return await attempt('remove', prefix, undefined, async (session) => {
      const path = pathOf(root, segments)
      if ((await lookAt(session, root, segments))?.kind !== 'directory') return false
      for await (const page of pagesOf(session, path, undefined)) if (page.length > 0) return false
      try {
        // The server itself refuses one that is not empty.
        await session.rmdir(path)
      } catch (error) {
        if (hasStatus(error, sftpStatus.noSuchFile)) return false
        throw error
      }
      directories.forget(segments)
      await directories.sync(pathOf(root, segments.slice(0, -1)))
      return true
    })
  }

  return {
    label,
    features: { atomicPut: true, rangeReads: true, streamingPut: true, conditionalPut: true, realTree: true },
    put,
    get,
    stat,
    list,
    remove,
    removeTree,
    removeDirectory,
    tree: createSftpTree(root, { directories, given, attempt }),
    close: () => connection.close(),
  }
}

/** As {@link parseSftpUrl} reads it, without the user. */
function labelOf({ host, port, path }: SftpOptions): string {
  const place = `${host.includes(':') ? `[${host}]` : host}${port === 22 ? '' : `:${port}`}`
  const isRelative = !path.startsWith('/')
  return `sftp://${place}${isRelative ? (path === '.' ? '/~' : `/~/${path}`) : path}`
}

import type { Collections } from './collections.ts'
import { findChildren, findResource, isEmptyCollection } from './find-resources.ts'
import { doingTo, isAbsent, isSuccess, refusal, type WebdavPlace } from './webdav-place.ts'

/** A server removes a tree in one request: for each object it may take so much longer. */
const removalMs = 20
/** Where they are removed one by one: so many at once. */
const removalsInFlight = 8

export interface WebdavRemover {
  /** Removes one object; absent is no error, and a collection stays. */
  remove(segments: readonly string[]): Promise<void>
  /**
   * Removes a collection and all in it; absent is no error, and an object stays.
   * @param options.objects how many there are below it, for the time it may take · `last`: names directly in it that go when all else was removed
   */
  removeCollection(segments: readonly string[], options: { objects: number; last: readonly string[] }): Promise<void>
  /** Removes a collection in which a look right before finds nothing. @returns whether one was removed */
  removeEmptyCollection(segments: readonly string[]): Promise<boolean>
}

export function createWebdavRemover(place: WebdavPlace, collections: Collections): WebdavRemover {
  const { client, paths } = place

  async function removeNow(path: string, doing: string, extraMs = 0): Promise<void> {
    const response = await client.send({ method: 'DELETE', path, extraMs, doing })
    // 207: a part of it could not be removed.
    if (!isSuccess(response) && !isAbsent(response)) throw refusal(place, response, doing)
  }

  /** The order in which a server empties a collection is its own. */
  async function removeChildren(segments: readonly string[], doing: string, extraMs: number, last: readonly string[]): Promise<void> {
    const children = await findChildren(place, segments, { doing, temporary: true })
    const first = children.filter(({ name }) => !last.includes(name))
    for (let at = 0; at < first.length; at += removalsInFlight)
      await Promise.all(
        first.slice(at, at + removalsInFlight).map(({ name, kind }) => {
          const way = [...segments, name]
          return kind === 'object' ? removeNow(paths.object(way), doing) : removeNow(paths.collection(way), doing, extraMs)
        }),
      )
    for (const name of last) await removeNow(paths.object([...segments, name]), doing)
  }

  return {
    async remove(segments) {
      const doing = doingTo(place, 'remove', segments)
      // DELETE takes a collection with all that is in it.
      const found = await findResource(place, segments, { doing })
      if (found?.kind === 'object') await removeNow(paths.object(segments), doing)
    },
    async removeCollection(segments, { objects, last }) {
      const doing = doingTo(place, 'remove', segments)
      const path = paths.collection(segments)
      const found = await findResource(place, segments, { doing })
      if (found?.kind !== 'collection') return
      const extraMs = objects * removalMs
      try {
        if (last.length > 0) await removeChildren(segments, doing, extraMs, last)
        await removeNow(path, doing, extraMs)
      } finally {
        collections.forget(path)
      }
    },
    async removeEmptyCollection(segments) {
      const doing = doingTo(place, 'remove', segments)
      const path = paths.collection(segments)
      if (!(await isEmptyCollection(place, segments, { doing }))) return false
      await removeNow(path, doing)
      collections.forget(path)
      return true
    },
  }
}

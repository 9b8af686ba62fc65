import type { WebdavResponse } from './http-exchange.ts'
import { isSuccess, refusal, type WebdavPlace } from './webdav-place.ts'

/** Which collections are known to be there, so that each is made once. */
export interface Collections {
  /**
   * Makes a collection and those above it. Told who fails first, `doing` starts the error's sentence.
   * @param path with a slash at its end
   * @returns whether anything had to be made
   */
  make(path: string, doing: string): Promise<boolean>
  /** Forgets a collection and all below it: they may be gone. */
  forget(path: string): void
}

/** More are forgotten, and asked for again. */
const maxKnown = 10_000

export function createCollections(place: WebdavPlace): Collections {
  const known = new Map<string, 'there' | Promise<boolean>>()

  async function make(path: string, doing: string): Promise<boolean> {
    const before = known.get(path)
    if (before !== undefined) return before === 'there' ? false : await before
    if (known.size >= maxKnown) known.clear()
    const making = makeNow(path, doing)
    known.set(path, making)
    const settle = (settled: () => void) => {
      if (known.get(path) === making) settled()
    }
    making.then(
      () => settle(() => known.set(path, 'there')),
      () => settle(() => known.delete(path)),
    )
    return await making
  }

  async function makeNow(path: string, doing: string): Promise<boolean> {
    const first = await place.client.send({ method: 'MKCOL', path, doing })
    const parent = path.replace(/[^/]+\/$/, '')
    // 409: the one above is missing (RFC 4918, 9.3.1); some say 404.
    if ((first.status !== 409 && first.status !== 404) || parent === '/') return await judge(first, path, doing)
    if (known.get(parent) === 'there') known.delete(parent)
    await make(parent, doing)
    return await judge(await place.client.send({ method: 'MKCOL', path, doing }), path, doing)
  }

  async function judge(response: WebdavResponse, path: string, doing: string): Promise<boolean> {
    if (isSuccess(response)) return true
    // 405: something is there already. Others refuse to make what is there, each in its own way.
    if (response.status !== 405 && !(await isThere(path, doing))) throw refusal(place, response, doing)
    return false
  }

  async function isThere(path: string, doing: string): Promise<boolean> {
    const response = await place.client.send({ method: 'PROPFIND', path, headers: { depth: '0' }, doing })
    await response.discard()
    return response.status === 207
  }

  return {
    make,
    forget(path) {
      for (const each of known.keys()) if (each.startsWith(path)) known.delete(each)
    },
  }
}

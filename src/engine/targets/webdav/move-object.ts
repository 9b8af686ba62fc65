import { BastionError } from '../../../core/errors.ts'
import { isSuccess, refusal, type WebdavPlace } from './webdav-place.ts'

/** Gives a stored object another name. @throws target_rejected with details `{exists: true}` when there is one of that name that is not to be overwritten */
export type MoveObject = (
  from: readonly string[],
  to: readonly string[],
  options: { overwrite: boolean; doing: string; signal?: AbortSignal | undefined },
) => Promise<void>

/**
 * MOVE names its destination as the server sees itself. Behind a proxy that speaks TLS for it that is not the address we know (it answers 502), so other ways to
 * say it are tried, and the one that works is kept: the whole address, the path alone (RFC 4918, 10.3), the address in the other scheme.
 */
export function createMoveObject(place: WebdavPlace): MoveObject {
  const otherScheme = place.origin.replace(/^https?/, (scheme) => (scheme === 'https' ? 'http' : 'https'))
  let bases = [place.origin, '', otherScheme]
  const turns = new Map<string, Promise<void>>()

  async function move(...[from, to, { overwrite, doing, signal }]: Parameters<MoveObject>): Promise<void> {
    const path = place.paths.object(from)
    const tried = bases
    for (const [i, base] of tried.entries()) {
      const headers = { destination: base + place.paths.object(to), overwrite: overwrite ? 'T' : 'F' }
      const response = await place.client.send({ method: 'MOVE', path, headers, doing, signal })
      if (isSuccess(response)) {
        bases = [base]
        return
      }
      if (response.status === 412 && !overwrite) {
        throw new BastionError('target_rejected', `${doing}: there is an object of this name already.`, { details: { exists: true } })
      }
      // An answer to the destination, not to the move: 502 (RFC 4918, 9.9.4), and 400 where a path alone is not known.
      const isMisunderstood = response.status === 502 || (response.status === 400 && base === '')
      if (!isMisunderstood || i === tried.length - 1) throw refusal(place, response, doing)
    }
  }

  // Two moves to one name at once are refused by some servers (423), and by others both are done half.
  return async (from, to, options) => {
    const key = to.join('/')
    const begin = (): Promise<void> => move(from, to, options)
    const turn = (turns.get(key) ?? Promise.resolve()).then(begin, begin)
    turns.set(key, turn)
    try {
      await turn
    } finally {
      if (turns.get(key) === turn) turns.delete(key)
    }
  }
}

import type { Clock } from '../../../core/clock.ts'
import { BastionError } from '../../../core/errors.ts'
import { httpStatusError } from '../http-status-error.ts'
import type { WebdavResponse } from './http-exchange.ts'
import type { WebdavClient } from './webdav-client.ts'
import type { WebdavPaths } from './webdav-path.ts'

/** What every operation of an open target works with. */
export interface WebdavPlace {
  readonly client: WebdavClient
  readonly paths: WebdavPaths
  /** how people name it */
  readonly label: string
  /** `https://host:8443` */
  readonly origin: string
  readonly clock: Clock
}

/** How an error's sentence starts: `Cannot store "a/b" in webdav+https://host/dir`. */
export function doingTo(place: WebdavPlace, verb: string, segments: readonly string[]): string {
  return `Cannot ${verb} ${segments.length === 0 ? place.label : `"${segments.join('/')}" in ${place.label}`}`
}

export function isSuccess({ status }: WebdavResponse): boolean {
  return status >= 200 && status < 300 && status !== 207
}

export function isAbsent({ status }: WebdavResponse): boolean {
  return status === 404 || status === 410
}

/** Whether the server answers that this is a collection, whose path has a slash at its end. (Behind a proxy it may take its host for another one.) */
export function isSentToCollection(place: WebdavPlace, response: WebdavResponse, path: string): boolean {
  const to = response.status >= 300 && response.status < 400 ? redirection(place, response) : undefined
  return to !== undefined && to.pathname === new URL(`${path}/`, place.origin).pathname
}

/** The error of an answer that is none of those expected. */
export function refusal(place: WebdavPlace, response: WebdavResponse, doing: string): BastionError {
  const { status } = response
  if (status >= 300 && status < 400) {
    const to = redirection(place, response)
    return new BastionError(
      'target_rejected',
      `${doing}: the server sends us on to ${to === undefined ? 'somewhere else' : to.origin + to.pathname}.`,
      {
        hint: 'Redirects are not followed. If this is where backups are to go, give that address.',
        details: { status },
      },
    )
  }
  if (status === 207) return new BastionError('target_rejected', `${doing}: the server could do only a part of it.`, { details: { status } })
  const error = httpStatusError(doing, { status, retryAfter: response.header('retry-after') }, place.clock.now())
  if (status >= 300 && status !== 405 && status !== 501) return error
  return new BastionError(error.code, error.message, {
    hint: 'Check that the address is that of a WebDAV collection, and that its server allows PUT, DELETE, MKCOL, MOVE and PROPFIND.',
    details: error.details,
  })
}

function redirection(place: WebdavPlace, response: WebdavResponse): URL | undefined {
  const location = response.header('location')
  return location !== undefined && URL.canParse(location, place.origin) ? new URL(location, place.origin) : undefined
}

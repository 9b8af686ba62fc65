import { type Client, createClient } from '../../../src/client/client.ts'
import type { RouteAddress } from '../../../src/protocol/http/api.ts'
import { csrfHeaderName } from '../../../src/protocol/http/names.ts'
import { readProblem } from '../../../src/protocol/http/read-problem.ts'
import type { Session } from './session.ts'

/** Put here by the build, so that no page loads the schemas of the whole API to know its addresses. */
declare const hubRoutes: readonly RouteAddress[]

/** Calls that say themselves that nobody is signed in. */
const signingIn = ['/api/auth/login', '/api/setup/initialize', '/api/setup/status']

/** The API of the Hub this page came from. A call that finds the session ended waits until somebody signed in again, and is made again. */
export function createApiClient(session: Session): Client {
  return createClient({
    routes: hubRoutes,
    baseUrl: '',
    headers: () => ({}),
    async fetch(url, init) {
      const send = () => fetch(url, { ...init, headers: { ...init.headers, [csrfHeaderName]: session.csrfToken }, credentials: 'same-origin' })
      const response = await send()
      if (response.status !== 401 || session.user.value === null || signingIn.includes(url)) return bodyOf(response)
      if (readProblem(await response.clone().text())?.code !== 'not_signed_in') return bodyOf(response)
      await session.askAgain()
      return bodyOf(await send())
    },
  })
}

/** Streams cannot be iterated in every browser; what is large goes through links, never through here. */
function bodyOf(response: Response) {
  return { status: response.status, headers: response.headers, body: null, text: () => response.text() }
}

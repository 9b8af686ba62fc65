import type { Route, RouteRequest, RouteResult } from '../../protocol/http/route.ts'
import type { SignedInUser } from '../auth/sessions.ts'

/** What a handler may know of the call beside its parsed parts. */
export interface CallContext {
  address: string
  userAgent: string
  /** aborted when the caller has gone */
  signal: AbortSignal
  /** gives the browser this token instead of the one it has; null takes it away */
  setSession(token: string | null): void
}

type ContextOf<R extends Route> = CallContext & { signedIn: R['access'] extends 'public' ? SignedInUser | null : SignedInUser }

export type Handler<R extends Route> = (request: RouteRequest<R>, context: ContextOf<R>) => Promise<RouteResult<R>>

/** One handler for each route of a noun: one that is missing does not compile. */
export type Handlers<Routes extends Readonly<Record<string, Route>>> = { readonly [Name in keyof Routes]: Handler<Routes[Name]> }

import type { z } from 'zod'
import type { Role } from '../../core/role.ts'

/** Who may call a route: anybody, or whoever is signed in with at least this role. */
export type Access = 'public' | Role

/** One call of the HTTP API, as data: the server is registered, the client is made and OpenAPI is written from it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** below `/api`; `:name` stands for a parameter */
  readonly path: `/${string}`
  readonly summary: string
  readonly access: Access
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  readonly answer: Answer
}

export type Answer =
  | { readonly status: 200 | 201 | 202; readonly json: z.ZodType }
  | { readonly status: 204 }
  /** content of a file, as an attachment */
  | { readonly status: 200; readonly bytes: true }

/** Keeps each route's own type. */
export function describeRoutes<const Routes extends Readonly<Record<string, Route>>>(routes: Routes): Routes {
  return routes
}

type Part<R extends Route, Name extends 'params' | 'query' | 'body', Side extends 'input' | 'output'> =
  R extends Readonly<Record<Name, infer Schema extends z.ZodType>>
    ? { [_ in Name]: Side extends 'input' ? z.input<Schema> : z.output<Schema> }
    : unknown

/** A query that has only optional filters may be left out. */
type Query<R extends Route> =
  Part<R, 'query', 'input'> extends infer Given ? (Given extends { query: infer Q } ? (object extends Q ? { query?: Q } : Given) : unknown) : never

/** What a caller gives. */
export type RouteInput<R extends Route> = Part<R, 'params', 'input'> & Query<R> & Part<R, 'body', 'input'>

/** What a handler gets, once it was parsed. */
export type RouteRequest<R extends Route> = Part<R, 'params', 'output'> & Part<R, 'query', 'output'> & Part<R, 'body', 'output'>

/** What a handler returns. */
export type RouteResult<R extends Route> = R['answer'] extends { json: infer Schema extends z.ZodType }
  ? z.input<Schema>
  : R['answer'] extends { bytes: true }
    ? Download
    : void

/** What a caller gets. */
export type RouteOutput<R extends Route> = R['answer'] extends { json: infer Schema extends z.ZodType }
  ? z.output<Schema>
  : R['answer'] extends { bytes: true }
    ? AsyncIterable<Uint8Array>
    : void

export interface Download {
  readonly fileName: string
  /** absent when it is not known before the end */
  readonly sizeBytes?: number
  readonly body: AsyncIterable<Uint8Array>
}

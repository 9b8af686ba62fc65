import addFormats from 'ajv-formats'
import { Ajv2020 } from 'ajv/dist/2020.js'

/** `fetch` with as much of a request as a call needs. */
export type CheckedFetch = (url: string, init: { method: string; headers: Record<string, string>; body?: string }) => Promise<Response>

interface Operation {
  operationId: string
  responses: Record<string, { content?: Record<string, unknown> }>
}
export interface OpenApi {
  openapi: string
  paths: Record<string, Record<string, Operation>>
}

/** Looks at every answer with the eyes of a stranger who has nothing but the served OpenAPI document. */
export interface OpenApiChecker {
  readonly fetch: CheckedFetch
  /** operations that have answered as they should when all is well */
  readonly succeeded: ReadonlySet<string>
}

/** @param fetchWith asks the Hub */
export function createOpenApiChecker(document: OpenApi, fetchWith: CheckedFetch = fetch): OpenApiChecker {
  const ajv = new Ajv2020({ strictSchema: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addFormat('base64', /^[A-Za-z0-9+/]*={0,2}$/)
  ajv.addSchema(document, 'hub')
  const succeeded = new Set<string>()

  function operationOf(method: string, path: string): [template: string, operation: Operation] {
    const matches = Object.entries(document.paths).filter(
      ([template, operations]) => method.toLowerCase() in operations && new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    )
    // A path that is named goes before one with a parameter.
    const [template, operations] = matches.find(([name]) => name === path) ?? matches[0] ?? []
    const operation = operations?.[method.toLowerCase()]
    if (template === undefined || operation === undefined) throw new Error(`${method} ${path} is not in the document`)
    return [template, operation]
  }

  function check(pointer: readonly string[], value: unknown): void {
    const reference = `hub#/${pointer.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`
    const validate = ajv.compile({ $ref: encodeURI(reference) })
    if (!validate(value)) throw new Error(`${reference}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value, null, 2)}`)
  }

  return {
    succeeded,
    async fetch(url, init) {
      const response = await fetchWith(url, init)
      const [template, operation] = operationOf(init.method, new URL(url).pathname)
      const type = response.headers.get('content-type')?.split(';', 1)[0] ?? null
      const described = operation.responses[response.status]
      if (described === undefined) {
        if (type !== 'application/problem+json') throw new Error(`${operation.operationId} answered ${response.status} as ${String(type)}`)
        check(['components', 'responses', 'Problem', 'content', type, 'schema'], await response.clone().json())
        return response
      }
      const types = Object.keys(described.content ?? {})
      if (type === null ? types.length > 0 : !types.includes(type))
        throw new Error(`${operation.operationId} answered with ${String(type)}, not ${types.join()}`)
      if (type === 'application/json') {
        const pointer = ['paths', template, init.method.toLowerCase(), 'responses', String(response.status), 'content', type, 'schema']
        check(pointer, await response.clone().json())
      }
      succeeded.add(operation.operationId)
      return response
    },
  }
}

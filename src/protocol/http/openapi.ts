import { z } from 'zod'
import { keptDeleteEventSchema } from '../../core/delete-event.ts'
import { deleteTaskSchema } from '../../core/delete-task.ts'
import { keptRunEventSchema } from '../../core/run-event.ts'
import { runDetailSchema, sourceSummarySchema } from '../../core/run-detail.ts'
import { runSchema } from '../../core/run.ts'
import { listedArtifactSchema } from '../artifact-listing.ts'
import { jobSchema } from '../job-spec.ts'
import { allRoutes, api } from './api.ts'
import { attachmentType, csrfHeaderName, sessionCookieName } from './names.ts'
import { problemSchema } from './problem.ts'
import type { Route } from './route.ts'

type Json = Record<string, unknown>
type NamedSchema = readonly [id: string, schema: z.ZodType]

/** What answers have in common goes by these names. */
const wellKnown: readonly NamedSchema[] = [
  ['Problem', problemSchema],
  ['Job', jobSchema],
  ['Run', runSchema],
  ['RunDetail', runDetailSchema],
  ['SourceSummary', sourceSummarySchema],
  ['RunEvent', keptRunEventSchema],
  ['Artifact', listedArtifactSchema],
  ['DeleteTask', deleteTaskSchema],
  ['DeleteEvent', keptDeleteEventSchema],
]

/**
 * The HTTP API as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), from the schemas that parse and write its messages. `operationId` is the name
 * of the call in src/client.
 */
export function openApiDocument(version: string): Json {
  const named = allRoutes().map(({ noun, name, route }) => [`${noun}.${name}`, route] as const)
  const answers = componentsOf('output', [
    ...wellKnown,
    ...named.flatMap(([name, { answer }]) => ('json' in answer ? [[schemaName(name, 'Answer'), answer.json] as const] : [])),
  ])
  const bodies = componentsOf(
    'input',
    named.flatMap(([name, { body }]) => (body === undefined ? [] : [[schemaName(name, 'Body'), body] as const])),
  )
  const paths: Record<string, Json> = {}
  for (const [name, route] of named) {
    const path = `/api${route.path.replace(/:(\w+)/g, '{$1}')}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, answers, bodies) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Bastion',
      version,
      description:
        'The HTTP API of a Bastion Hub. `/api/v1` is another name of `/api`. Errors are `application/problem+json`. Calls that change something repeat the token of ' +
        `the session in the header \`${csrfHeaderName}\`. What happens is told on \`/api/events/ws\`, a WebSocket.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: Object.keys(api).map((noun) => ({ name: noun })),
    paths,
    components: {
      schemas: { ...answers.schemas, ...bodies.schemas },
      responses: {
        Problem: { description: 'It failed', content: { 'application/problem+json': { schema: answers.reference(problemSchema) } } },
      },
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: sessionCookieName },
        csrf: { type: 'apiKey', in: 'header', name: csrfHeaderName },
      },
    },
  }
}

interface Components {
  readonly schemas: Json
  reference(schema: z.ZodType): Json
}

/** One component for each schema; of those that come twice the first name counts. */
function componentsOf(io: 'input' | 'output', named: readonly NamedSchema[]): Components {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of named) if (!registry.has(schema)) registry.add(schema, { id })
  const uri = (id: string) => `#/components/schemas/${id}`
  const { schemas } = z.toJSONSchema(registry, { io, uri })
  return {
    schemas: Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutHead(schema as Json)])),
    reference: (schema) => ({ $ref: uri(registry.get(schema)!.id) }),
  }
}

function operation(name: string, route: Route, answers: Components, bodies: Components): Json {
  const changes = route.method !== 'GET'
  const security = { session: [], ...(changes ? { csrf: [] } : {}) }
  return {
    operationId: name,
    tags: [name.slice(0, name.indexOf('.'))],
    summary: route.summary,
    description: route.access === 'public' ? 'Needs no session.' : `For the role ${route.access} and those above it.`,
    security: route.access === 'public' ? [] : [security],
    ...((route.params ?? route.query) && { parameters: [...parametersOf('path', route.params), ...parametersOf('query', route.query)] }),
    ...(route.body && { requestBody: { required: true, content: { 'application/json': { schema: bodies.reference(route.body) } } } }),
    responses: { [route.answer.status]: answerOf(route, answers), default: { $ref: '#/components/responses/Problem' } },
  }
}

function answerOf({ answer }: Route, answers: Components): Json {
  if ('json' in answer) return { description: 'Done', content: { 'application/json': { schema: answers.reference(answer.json) } } }
  if ('bytes' in answer) return { description: 'The content, as an attachment', content: { [attachmentType]: {} } }
  return { description: 'Done' }
}

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }))
}

/** `jobs.create` -> `JobsCreateBody` */
function schemaName(name: string, suffix: string): string {
  const words = name.split('.').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
  return `${words.join('')}${suffix}`
}

function withoutHead({ $schema: _, $id: __, ...schema }: Json): Json {
  return schema
}

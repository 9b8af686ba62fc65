import { apiReference } from './api-reference.ts'
import { configurationReference } from './configuration-reference.ts'
import { cliReference } from './cli-reference.ts'
import { errorReference } from './error-reference.ts'
import { openApiReference } from './openapi-reference.ts'

/** The pages of docs/reference, each made from the code it describes: their path in the checkout and what they must say. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/cli.md', cliReference()],
    ['docs/reference/configuration.md', configurationReference()],
    ['docs/reference/http-api.md', apiReference()],
    ['docs/reference/errors.md', errorReference()],
    ['docs/reference/openapi.json', openApiReference()],
  ])
}

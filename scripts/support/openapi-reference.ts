import { version } from '../../src/cli/version.ts'
import { openApiDocument } from '../../src/protocol/http/openapi.ts'

/** docs/reference/openapi.json, as a Hub serves it at /api/openapi.json. */
export function openApiReference(): string {
  return `${JSON.stringify(openApiDocument(version), null, 2)}\n`
}

import { allRoutes, api } from '../../src/protocol/http/api.ts'
import { statusOfCode } from '../../src/protocol/http/problem.ts'
import { code, markdownTable } from './markdown-table.ts'

/** docs/reference/http-api.md */
export function apiReference(): string {
  const statuses = [...new Set(Object.values(statusOfCode))].sort((a, b) => a - b)
  return `<!-- Made by scripts/docs-reference.mjs from src/protocol/http. Edit that, not this file. -->

# HTTP API

A Hub answers below \`/api\`; \`/api/v1\` is another name for it. Messages are JSON, their properties snake_case, times milliseconds since 1970. What each call takes and
gives, field by field, is an OpenAPI 3.1 document: a Hub serves it at \`/api/openapi.json\`, and [openapi.json](openapi.json) is the same. A test calls every route of a
running Hub and holds each answer against that document.

**Signing in.** \`POST /api/auth/login\` sets the cookie \`bastion_session\` and answers with \`csrf_token\`. Every call that changes something repeats that token in the
header \`x-csrf-token\`. \`GET /api/session\` tells it again.

\`\`\`sh
curl -c jar -H 'content-type: application/json' -d '{"username":"ada","password":"…"}' http://127.0.0.1:9876/api/auth/login
curl -b jar http://127.0.0.1:9876/api/jobs
curl -b jar -H 'x-csrf-token: …' -X POST http://127.0.0.1:9876/api/jobs/JOB/run
\`\`\`

**Errors** are \`application/problem+json\`: decide by \`code\`, show \`message\` and \`hint\`, report \`request_id\`. [Every code](errors.md).

**Lists** come in pages: give \`next_cursor\` back as \`cursor\`; null is the end.

**What happens** is told on \`/api/events/ws\`, a WebSocket: send \`{"type":"subscribe","topic":"run:RUN","after_seq":0}\` and read the events after that number, then those to
come, none left out and none twice. Other topics: \`runs\`, \`jobs\`, \`nodes\`. \`/api/runs/RUN/events/ws?after_seq=0\` follows one run without a word.

**Metrics** for Prometheus are at \`/metrics\`, for this machine, or for whoever sends \`Authorization: Bearer\` with the token of \`BASTION_METRICS_TOKEN\`.

${Object.keys(api)
  .map((noun) => `## ${noun}\n\n${routesOf(noun)}`)
  .join('\n\n')}

## Status of each error

${markdownTable(
  ['status', 'codes'],
  statuses.map((status) => [String(status), codesOf(status)]),
)}
`
}

function routesOf(noun: string): string {
  const rows = allRoutes()
    .filter((each) => each.noun === noun)
    .map(({ route: { method, path, summary, access } }) => [code(`${method} /api${path}`), summary, access === 'public' ? 'anybody' : access])
  return markdownTable(['call', 'what it does', 'for'], rows)
}

function codesOf(status: number): string {
  return Object.entries(statusOfCode)
    .filter(([, own]) => own === status)
    .map(([name]) => code(name))
    .join(' ')
}

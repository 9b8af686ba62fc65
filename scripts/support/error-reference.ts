import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { BastionError, type ErrorCode, errorCodes } from '../../src/core/errors.ts'
import { code, markdownTable } from './markdown-table.ts'

/** docs/reference/errors.md */
export function errorReference(): string {
  const rows = Object.entries(errorCodes).map(([name, { retryable, hint }]) => [
    code(name),
    hint,
    retryable ? 'yes' : 'no',
    String(exitCodeOf(new BastionError(name as ErrorCode, ''))),
  ])
  return `<!-- Made by scripts/docs-reference.mjs from src/core/errors.ts. Edit that file, not this one. -->

# Errors

Everything that is expected to go wrong has a code. The list is closed: programs decide by the code, people read the sentence and the next step.
With \`--json\` a command that fails prints the error as one line on stdout:

\`\`\`json
{"kind":"error","code":"artifact_not_found","message":"/backups holds no complete artifact of a job docs","hint":"…","details":{}}
\`\`\`

An error without a code is a bug. It is shown as \`internal\`, with its stack on stderr.

*Passes by itself* says that the same work can succeed later with nothing changed. Requests to a target that fail with such a code are tried again
within the run. The place where an error arises can give a more exact next step than the one below.
The Hub answers with the same codes as \`application/problem+json\`; their HTTP status: [HTTP API](http-api.md).

${markdownTable(['code', 'next step', 'passes by itself', 'exit code'], rows)}
`
}

// `bastion runner DIRECTORY` that does not wait long for credentials.
import { runRunner } from '../../src/executor/runner.ts'

await runRunner(process.argv[2]!, {
  clock: { now: () => Date.now() },
  producer: 'bastion/test',
  path: process.env['PATH'] ?? '',
  signal: new AbortController().signal,
  note: (text) => process.stderr.write(`${text}\n`),
  credentialsTimeoutMs: 300,
})

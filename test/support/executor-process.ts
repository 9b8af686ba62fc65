// A process that is nothing but an executor: messages of the Hub on stdin, its own on stdout, a line of JSON each.
import { openExecutor } from '../../src/executor/executor.ts'
import { readLines } from '../../src/lib/json-lines.ts'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'
import { hubMessageSchema, nodeMessageSchema } from '../../src/protocol/node-messages.ts'

const {
  dataDir,
  runnerCommand,
  limits,
  snapshotRoots = [],
  allowedHooks = [],
} = JSON.parse(process.argv[2]!) as {
  dataDir: string
  runnerCommand: string[]
  limits?: { runs?: number; killAfterMs?: number }
  snapshotRoots?: string[]
  allowedHooks?: string[][]
}

await using executor = await openExecutor({
  dataDir,
  runnerCommand,
  policy: { browseRoots: ['/'], snapshotRoots, allowedHooks },
  streams: createMemoryStreams(),
  version: '0.0.0',
  clock: { now: () => Date.now() },
  report: (problem) => process.stderr.write(`${problem}\n`),
  ...(limits === undefined ? {} : { limits }),
})
await executor.connect({
  send: (message) => void process.stdout.write(`${JSON.stringify(nodeMessageSchema.parse(message))}\n`),
  receive({ message }) {
    readLines(process.stdin, { maxLineBytes: 1024 * 1024, onLine: (line) => message(hubMessageSchema.parse(JSON.parse(line))) })
  },
  close() {},
})
await new Promise((resolve) => process.stdin.once('end', resolve))

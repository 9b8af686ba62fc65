// A process that is a Hub and its node: ten jobs that are due every minute of a clock that runs ahead. `drain` on stdin: no more runs, and the end when the last one has ended.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { openExecutor } from '../../src/executor/executor.ts'
import { createHub } from '../../src/hub/hub.ts'
import { openStore } from '../../src/hub/store/store.ts'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'
import { aJobSpec } from './hub-records.ts'
import { bastionRunner } from './bastion-program.ts'

const { folder, startedAt, jobs, speed } = JSON.parse(process.argv[2]!) as { folder: string; startedAt: number; jobs: number; speed: number }
const clock = { now: () => startedAt + Math.round((Date.now() - startedAt) * speed) }
const dataDir = path.join(folder, 'data')
const complain = (text: string) => void process.stderr.write(`${text}\n`)

mkdirSync(dataDir, { recursive: true })
await using store = await openStore({ file: path.join(dataDir, 'bastion.db'), clock })
const { hub: link, node } = createMemoryLink()
await using executor = await openExecutor({
  dataDir,
  runnerCommand: bastionRunner,
  policy: { browseRoots: ['/'], snapshotRoots: [] },
  streams: createMemoryStreams(),
  version: '0.0.0',
  clock: { now: () => Date.now() },
  report: complain,
})
const vault = { credentialsFor: async () => ({}), recipientFor: () => Promise.reject(new Error('no keys')), identitiesFor: async () => [] }
const log = { info() {}, warn() {}, error: (fields: Record<string, unknown>, message: string) => complain(`${message}: ${String(fields['err'])}`) }
await using hub = await createHub({ store, vault, clock, log, random: randomBytes, link })
await executor.connect(node)

const all = async () => (await store.jobs.list({}, { limit: 200 })).items
for (let at = (await all()).length; at < jobs; at++) {
  await hub.jobs.create(
    aJobSpec({
      name: `job ${at}`,
      schedule: '* * * * *',
      source: { type: 'filesystem', paths: [path.join(folder, 'source')], snapshot_mode: 'off' },
      target: { type: 'local_dir', path: path.join(folder, 'target') },
    }),
  )
}
const ids = (await all()).map(({ id }) => id)
process.stdout.write('ready\n')

// The Hub looks at its clock when a job is touched; by itself it would wait for half a minute of true time.
let isHurrying = true
const hurry = (async () => {
  while (isHurrying) {
    const { id, spec } = (await store.jobs.get(ids[0]!))!
    await hub.jobs.update(id, spec)
    await after(200)
  }
})()
await once(process.stdin, 'data')
for (const id of ids) await hub.jobs.archive(id)
for (const id of ids) {
  while ((await store.runs.unended(id)).length > 0) await after(50)
}
isHurrying = false
await hurry
// The node forgets a run when the Hub has said that it may.
while (readdirSync(path.join(dataDir, 'runs')).length > 0) await after(50)
process.stdin.destroy()

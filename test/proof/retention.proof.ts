import { readFileSync } from 'node:fs'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { openHub } from '../support/hub-case.ts'
import { startHubServer } from '../support/hub-server.ts'
import { fillArtifacts, type ManyArtifacts } from '../support/many-artifacts.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'Retention looks at a million artifacts in a thousand jobs in less than five seconds and 200 MiB'

const sizes: Record<Scale, { jobs: number; artifactsOfEach: number }> = {
  short: { jobs: 20, artifactsOfEach: 50 },
  full: { jobs: 1000, artifactsOfEach: 1000 },
}
const boundSeconds = 5
const boundMib = 200
const start = Date.UTC(2026, 2, 1)

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const { jobs, artifactsOfEach } = sizes[scale]
  await using folder = await temporaryFolder()
  // Everything is kept but the oldest one of each job: every rule has its work, and every job one delete.
  const retention = { enabled: true, keep_last: artifactsOfEach - 1, keep_daily: 7, keep_weekly: 5, keep_monthly: 12, keep_yearly: 5 }
  const file = path.join(folder.path, 'bastion.db')
  await fill({ file, jobs, artifactsOfEach, spec: { schedule_timezone: 'Europe/Berlin', retention }, nowMs: start })
  const seconds = await secondsOfLook(report, folder.path, jobs)
  const peakMib = (await peakBytesOfHub(folder.path)) / 2 ** 20
  report.line(
    `A look at ${jobs * artifactsOfEach} artifacts in ${jobs} jobs with five rules: ${seconds.wall.toFixed(2)} s (${seconds.cpu.toFixed(2)} s of processor time). A \`bastion hub\` that ` +
      `started on this database and took its first look had ${peakMib.toFixed(0)} MiB at most (VmHWM), Node.js itself and its threads included.`,
  )
  if (scale === 'full') {
    report.check(`less than ${boundSeconds} s`, seconds.wall < boundSeconds)
    report.check(`less than ${boundMib} MiB`, peakMib < boundMib)
  }
}

/** Of the second look, at what the first one has left. */
async function secondsOfLook(report: ProofReport, folder: string, jobs: number): Promise<{ wall: number; cpu: number }> {
  let nowMs = start
  await using hub = await openHub(folder, { clock: { now: () => nowMs } })
  const asked = async () => (await hub.store.deleteTasks.counts()).status.queued
  while ((await asked()) < jobs) await wait(50)
  report.check('every job has asked for the delete of its oldest artifact, and of no other', (await asked()) === jobs)
  nowMs += 15 * 60_000
  const fromCpu = process.cpuUsage()
  const from = performance.now()
  await hub.retention.tick()
  const wall = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(fromCpu)
  report.check('a second look deletes nothing', (await asked()) === jobs)
  return { wall, cpu: (user + system) / 1e6 }
}

/** Nobody signs in: a password takes memory to check. */
async function peakBytesOfHub(dataDir: string): Promise<number> {
  await using hub = await startHubServer({ dataDir })
  const lookedAt = async () =>
    Number(/^bastion_retention_last_look_timestamp_seconds (\S+)$/m.exec(await (await fetch(`${hub.url}/metrics`)).text())?.[1])
  while (!((await lookedAt()) > 0)) await wait(50)
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${hub.pid}/status`, 'latin1'))?.[1]) * 1024
}

/** In a process of its own, for SQLite takes memory to fill so much at once. */
async function fill(what: ManyArtifacts): Promise<void> {
  const support = path.join(import.meta.dirname, '../support')
  const filled = promisify(execFile)(process.execPath, [
    path.join(support, 'run-exported.ts'),
    path.join(support, 'many-artifacts.ts'),
    fillArtifacts.name,
  ])
  filled.child.stdin?.end(JSON.stringify(what))
  await filled
}

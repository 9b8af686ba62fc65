import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Clock } from '../../src/core/clock.ts'
import { openHub } from '../support/hub-case.ts'
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
  let nowMs = start
  const clock: Clock = { now: () => nowMs }
  // Everything is kept but the oldest one of each job: every rule has its work, and every job one delete.
  const retention = { enabled: true, keep_last: artifactsOfEach - 1, keep_daily: 7, keep_weekly: 5, keep_monthly: 12, keep_yearly: 5 }
  await fill({ file: path.join(folder.path, 'bastion.db'), jobs, artifactsOfEach, spec: { schedule_timezone: 'Europe/Berlin', retention }, nowMs })
  await using hub = await openHub(folder.path, { clock })
  const asked = async () => (await hub.store.deleteTasks.counts()).status.queued
  while ((await asked()) < jobs) await wait(50)
  report.check('every job has asked for the delete of its oldest artifact, and of no other', (await asked()) === jobs)

  // A second look, at what is left: this one is measured.
  nowMs += 15 * 60_000
  const fromCpu = process.cpuUsage()
  const from = performance.now()
  await hub.retention.tick()
  const seconds = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(fromCpu)
  const peakMib = process.resourceUsage().maxRSS / 1024
  report.check('a second look deletes nothing', (await asked()) === jobs)
  report.line(
    `A look at ${jobs * artifactsOfEach} artifacts in ${jobs} jobs with five rules: ${seconds.toFixed(2)} s (${((user + system) / 1e6).toFixed(2)} s of processor time); ` +
      `the process with its Hub and database threads had ${peakMib.toFixed(0)} MiB at most.`,
  )
  if (scale === 'full') {
    report.check(`less than ${boundSeconds} s`, seconds < boundSeconds)
    report.check(`less than ${boundMib} MiB`, peakMib < boundMib)
  }
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

import { existsSync } from 'node:fs'
import { jsonLines, runBastion } from '../support/bastion-process.ts'
import { btrfs, whyNoLoop } from '../support/loop-filesystem.ts'
import type { Meddling } from '../support/meddling-btrfs.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'
import { type SnapshotKillCase, snapshotKillCase } from '../support/snapshot-kill-case.ts'

export const title = 'A backup through snapshots that is killed at any step leaves no snapshot and no lease after the next start'

interface Step {
  name: string
  /** what the `btrfs` program does at this step; absent: the backup is killed from outside while it reads */
  meddling?: Meddling
}

const steps: readonly Step[] = [
  { name: 'before the snapshot is made', meddling: 'before-create' },
  { name: 'while it is made: the command lives on and makes it later', meddling: 'orphan-create' },
  { name: 'after it is made, before that is recorded', meddling: 'after-create' },
  { name: 'while it is read' },
  { name: 'before it is deleted', meddling: 'before-delete' },
  { name: 'while it is deleted: gone, and not committed', meddling: 'uncommitted-delete' },
  { name: 'while it is deleted: the command lives on and deletes it later', meddling: 'orphan-delete' },
]

/** `kill -9` at each step of a real Btrfs snapshot's life, each time followed by a start, with snapshots of somebody else around that are named much like ours. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const why = await whyNoLoop('btrfs')
  if (why !== undefined) return report.line(`Not shown here: ${why}.`)
  const rounds = scale === 'full' ? 20 : 2
  const random = seededRandom()
  await using place = await snapshotKillCase()
  const rows: (string | number)[][] = []
  const wrong: string[] = []
  for (const step of steps) {
    let left = 0
    for (let round = 1; round <= rounds; round++) {
      const found = await killAndStart(place, step, random)
      left += found.left
      wrong.push(...found.wrong.map((what) => `${step.name}, round ${round}: ${what}`))
    }
    rows.push([step.name, rounds, left])
  }
  report.line(
    'A source of two subvolumes. The backup is killed with `kill -9`; then the next backup starts. Decoys: snapshots of the same subvolumes by somebody else, in our own holder and beside it, one of them ' +
      'made after each kill under the name of the snapshot that was left and one character more. They are compared by UUID.',
  )
  report.table(['killed', 'rounds', 'snapshots there right after it had died'], rows)
  report.check(
    'each kill left its lease; the next start removed every snapshot of it and the lease, touched no decoy, and made a whole frozen backup',
    wrong.length === 0,
    wrong.slice(0, 5).join('; ') || `${steps.length * rounds} kills`,
  )
}

/** @returns how many snapshots the kill left, and what is not as it must be */
async function killAndStart(place: SnapshotKillCase, step: Step, random: () => number): Promise<{ left: number; wrong: string[] }> {
  const wrong: string[] = []
  const check = (holds: boolean, otherwise: () => string) => void (holds || wrong.push(otherwise()))

  const signal = step.meddling === undefined ? await killWhileReading(place, random) : await killByProgram(place, step.meddling)
  check(signal === 'SIGKILL', () => `it was not killed: ${String(signal)}`)
  const leased = place.leasedPaths()
  check(leased.length === 2, () => `the lease speaks of ${leased.length} snapshots`)
  const left = leased.filter((at) => existsSync(at)).length
  const decoy = `${leased[0] ?? place.source}0`
  await btrfs('subvolume', 'snapshot', '-r', place.source, decoy)

  place.meddle(null)
  const next = await runBastion(place.backupOf(place.source), place.options)
  const result = jsonLines(next.stdout).find(({ kind }) => kind === 'result')
  check(result?.['status'] === 'success' && result['grade'] === 'atomic_volume', () => `the next backup: ${next.stdout}${next.stderr}`)
  check(existsSync(decoy), () => `${decoy} is not there any more`)
  if (existsSync(decoy)) await btrfs('subvolume', 'delete', '--commit-after', decoy)
  const now = await place.subvolumes()
  check(String(now) === String(place.undisturbed), () => `subvolumes are ${now.join(', ')}`)
  check(place.leases().length === 0, () => `leases: ${place.leases().join(', ')}`)
  return { left, wrong }
}

async function killByProgram(place: SnapshotKillCase, meddling: Meddling): Promise<NodeJS.Signals | null> {
  place.meddle(meddling)
  return (await runBastion(place.backupOf(place.source), place.options)).signal
}

async function killWhileReading(place: SnapshotKillCase, random: () => number): Promise<NodeJS.Signals | null> {
  const running = await place.startReading()
  await new Promise((resolve) => setTimeout(resolve, random() * 300))
  process.kill(running.pid, 'SIGKILL') // alone: what it has started lives on
  return (await running.ended).signal
}

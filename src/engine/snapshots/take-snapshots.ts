import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { FrozenGrade } from '../../core/grade.ts'
import type { SnapshotRecord } from '../../core/snapshot-lease.ts'
import { toBytePath } from '../../lib/byte-path.ts'
import { snapshotDescriptions } from '../../protocol/snapshot-descriptions.ts'
import type { LeaseHold } from './leases.ts'
import { type KeptSnapshot, removeSnapshots } from './reaper.ts'
import { type CreateOutcome, isRefusal, type OpenSnapshot, type Refusal, type SnapshotProvider, type SnapshotUnit } from './snapshot-provider.ts'
import type { SnapshotServices } from './snapshot-services.ts'

export interface TakenSnapshot {
  unit: SnapshotUnit
  record: SnapshotRecord
  snapshot: OpenSnapshot
  grade: FrozenGrade
}

/** The snapshots of one run, held by its lease. */
export interface TakenSnapshots {
  /** by the unit's key */
  readonly taken: ReadonlyMap<string, TakenSnapshot>
  readonly failures: ReadonlyMap<string, Refusal>
  readonly takenAt: number
  /** from before the first to after the last */
  readonly skewMs: number
  /** What is not whole any more; nothing once they are released. */
  check(): Promise<Refusal | null>
  /** Removes them. @returns those that are still there; nothing when it is called again */
  release(): Promise<readonly KeptSnapshot[]>
}

/**
 * Makes a snapshot of each unit, all in one go: the lease is on disk before the first, what they have become right after the last.
 * @param run.onPlanned called with what will be made, when the lease is written
 */
export async function takeSnapshots(
  units: readonly SnapshotUnit[],
  { providers, leases }: SnapshotServices,
  run: { runId: string; runDirectory: string; clock: Clock; onPlanned: (units: readonly SnapshotUnit[]) => void },
): Promise<TakenSnapshots | Refusal> {
  let hold: LeaseHold
  try {
    hold = leases.begin({ run_id: run.runId, owner_token: randomBytes(16).toString('hex'), created_at: run.clock.now() })
  } catch (error) {
    if (!(error instanceof BastionError)) throw error
    return { reason: error.message, hint: error.hint }
  }
  const taken = new Map<string, TakenSnapshot>()
  const failures = new Map<string, Refusal>()
  let isReleased = false

  async function release(): Promise<readonly KeptSnapshot[]> {
    if (isReleased) return []
    isReleased = true
    using held = hold
    // Whatever cannot be closed stands in the way of the removal, which says so.
    for (const { snapshot } of taken.values()) await snapshot.close().catch(() => {})
    return (await removeSnapshots(held, providers)).kept
  }

  try {
    const planned = units.map((unit, index) => {
      const provider = providers.byName(unit.provider)!
      const request = { runId: run.runId, number: index + 1, ownerToken: hold.lease.owner_token, runDirectory: toBytePath(run.runDirectory) }
      return { unit, provider, record: provider.plan(unit, request) }
    })
    hold.save({ ...hold.lease, snapshots: planned.map(({ record }) => record) })
    run.onPlanned(units)

    const takenAt = run.clock.now()
    const beganAt = performance.now()
    const outcomes: CreateOutcome[] = []
    const groups = byProvider(planned)
    for (const { provider, records } of groups) outcomes.push(await provider.create(records, hold.lockFd))
    const skewMs = Math.round(performance.now() - beganAt)

    const made = outcomes.flatMap((outcome) => outcome.made)
    const records = planned.map(({ record }, index) => {
      const identity = made[index]!
      return { ...record, identity: isRefusal(identity) ? null : { ...identity } }
    })
    hold.save({ ...hold.lease, snapshots: records })
    for (const [index, { unit, provider }] of planned.entries()) {
      const identity = made[index]!
      const record = records[index]!
      const opened = isRefusal(identity) ? identity : await provider.open(record)
      if (isRefusal(opened)) failures.set(unit.key, opened)
      else {
        const isSet = groups.length === 1 && planned.length > 1 && outcomes[0]!.isAtomicSet
        taken.set(unit.key, { unit, record, snapshot: opened, grade: isSet ? 'atomic_set' : snapshotDescriptions[unit.provider].grade })
      }
    }
    return {
      taken,
      failures,
      takenAt,
      skewMs,
      async check() {
        if (isReleased) return null
        for (const { snapshot } of taken.values()) {
          const refusal = await snapshot.check()
          if (refusal !== null) return refusal
        }
        return null
      },
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** Those of one provider that follow each other are made together. */
function byProvider(
  planned: readonly { provider: SnapshotProvider; record: SnapshotRecord }[],
): { provider: SnapshotProvider; records: SnapshotRecord[] }[] {
  const groups: { provider: SnapshotProvider; records: SnapshotRecord[] }[] = []
  for (const { provider, record } of planned) {
    const last = groups.at(-1)
    if (last?.provider === provider) last.records.push(record)
    else groups.push({ provider, records: [record] })
  }
  return groups
}

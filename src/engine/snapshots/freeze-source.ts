import { randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { FilesystemSource } from '../../core/filesystem-source.ts'
import type { RunEvent, RunEventKind } from '../../core/run-event.ts'
import type { SnapshotRecord } from '../../core/snapshot-lease.ts'
import type { SnapshotSummary } from '../../core/source-snapshot.ts'
import { type BytePath, fsPath, pathText, toBytePath } from '../../lib/byte-path.ts'
import type { PreparedSource } from '../sources/source.ts'
import { sourceRoots, sourceRules } from '../sources/filesystem/source-paths.ts'
import { realPathOf, type SnapshotPolicy } from './choose-unit.ts'
import { findTurns, type FoundTurn } from './find-turns.ts'
import { createFrozenView, type FrozenView, type Turn } from './frozen-view.ts'
import type { LeaseHold, LeaseStore } from './leases.ts'
import { removeSnapshots } from './reaper.ts'
import type { SnapshotProviders } from './registry.ts'
import { isRefusal, type OpenSnapshot, type Refusal, type SnapshotHost, type SnapshotUnit } from './snapshot-provider.ts'

/** What a node lends to its runs. */
export interface SnapshotServices {
  host: SnapshotHost
  providers: SnapshotProviders
  policy: SnapshotPolicy
  leases: LeaseStore
}

type Emit = (kind: RunEventKind, message: string, fields: Record<string, unknown>, level?: RunEvent['level']) => void

/** A source that is frozen as far as its mode asks and the machine can. */
export interface FrozenSource extends AsyncDisposable {
  /** as of now: `cleanup_failed` once `release` has failed */
  readonly summary: SnapshotSummary
  /** `null` when everything is read live */
  readonly view: FrozenView | null
  /** Directories that hold snapshots: no part of a source, live or frozen. */
  readonly holders: readonly BytePath[]
  /** Device numbers of units, live and frozen: a directory has the same inode number under both. */
  readonly sameDevices: readonly { live: number; frozen: number }[]
  /** @throws BastionError snapshot_unavailable when a snapshot that was read is not whole any more */
  check(): Promise<void>
  /** Removes the snapshots, or says that it could not. Can be called again. */
  release(): Promise<void>
}

interface Taken {
  unit: SnapshotUnit
  record: SnapshotRecord
  snapshot: OpenSnapshot
}

/**
 * Freezes what a source reads: finds its units, writes the lease, makes all snapshots in one go, opens them. In mode `auto` what cannot be frozen is read live, and told; in
 * mode `required` it fails the run, and nothing is left.
 * @throws BastionError snapshot_unavailable in mode `required`
 */
export async function freezeSource(
  spec: FilesystemSource,
  services: SnapshotServices | undefined,
  run: { runId: string; runDirectory: string; ownDirectories: readonly string[]; clock: Clock; emit: Emit },
): Promise<FrozenSource> {
  const { emit } = run
  const mode = spec.snapshot_mode
  if (mode === 'off') return unfrozen({ mode, status: 'off' })
  if (services === undefined) return unavailable({ reason: 'this node is not set up for source snapshots' })

  const found = await findTurns(
    {
      host: services.host,
      providers: services.providers,
      policy: services.policy,
      override: spec.snapshot_provider,
      workDirectory: realPathOf(toBytePath(run.runDirectory)) ?? toBytePath(run.runDirectory),
    },
    {
      roots: sourceRoots(spec),
      rules: sourceRules(spec),
      oneFileSystem: spec.one_file_system,
      own: run.ownDirectories.flatMap((directory) => realPathOf(toBytePath(directory)) ?? []),
    },
  )
  // Not there, or not to be reached: the source itself says which.
  if (found.length === 0) return unfrozen({ mode, status: 'unavailable', reason: 'the source paths cannot be reached' })
  const refused = (): FoundTurn[] => found.filter(({ place }) => place !== null && isRefusal(place))
  if (mode === 'required' && refused().length > 0) return unavailable(refusalOf(refused()))
  const units = new Map(found.flatMap(({ place }) => (place === null || isRefusal(place) ? [] : [[place.unit.key, place.unit] as const])))
  if (units.size === 0) return unavailable(refusalOf(refused()))

  let hold: LeaseHold
  try {
    hold = services.leases.begin({ run_id: run.runId, owner_token: randomBytes(16).toString('hex'), created_at: run.clock.now() })
  } catch (error) {
    if (!(error instanceof BastionError)) throw error
    return unavailable({ reason: error.message, hint: error.hint })
  }
  const taken = new Map<string, Taken>()
  const failures = new Map<string, Refusal>()
  const startedAt = run.clock.now()
  const summary: SnapshotSummary = { mode, status: 'ready', taken_at: startedAt }
  let isReleased = false
  try {
    await take()
  } catch (error) {
    await release()
    throw error
  }
  for (const turn of found) {
    if (turn.place === null || isRefusal(turn.place)) continue
    turn.place = failures.get(turn.place.unit.key) ?? turn.place
  }
  if (taken.size === 0 || (mode === 'required' && refused().length > 0)) {
    await release()
    return unavailable(refusalOf(refused()))
  }
  summary.provider = [...new Set([...taken.values()].map(({ unit }) => unit.provider))].join(', ')
  summary.units = [...taken.values()].map(({ unit }) => unit.label)
  if (refused().length > 0) {
    const refusal = refusalOf(refused())
    summary.reason = refusal.reason
    emit('snapshot_unavailable', told(refusal), { reason: refusal.reason, paths: refused().map(({ logical }) => pathText(logical).text) }, 'warn')
  }

  return {
    summary,
    view: createFrozenView(found.map((turn) => turnOf(turn, taken))),
    holders: [...new Set([...taken.values()].map(({ unit }) => unit.holder))],
    sameDevices: [...taken.values()].flatMap(({ unit, snapshot }) => {
      const live = lstatSync(fsPath(unit.root), { throwIfNoEntry: false })
      return live === undefined ? [] : [{ live: live.dev, frozen: lstatSync(fsPath(snapshot.root)).dev }]
    }),
    async check() {
      for (const { snapshot } of taken.values()) {
        const refusal = await snapshot.check()
        if (refusal !== null) throw unavailableError(refusal)
      }
    },
    release,
    [Symbol.asyncDispose]: release,
  }

  /** All units in one go, the lease before and after. */
  async function take(): Promise<void> {
    const holders = new Map<string, BytePath>()
    const planned = [...units.values()].map((each, index) => {
      // One directory for all of a filesystem: what is nested is not touched.
      const holder = holders.get(each.filesystem) ?? each.holder
      holders.set(each.filesystem, holder)
      const unit = { ...each, holder }
      const request = { runId: run.runId, number: index + 1, ownerToken: hold.lease.owner_token, runDirectory: toBytePath(run.runDirectory) }
      return { unit, record: services!.providers.byName(unit.provider)!.plan(unit, request) }
    })
    hold.save({ ...hold.lease, snapshots: planned.map(({ record }) => record) })
    for (const { unit } of planned) emit('snapshot_started', `freezing ${unit.label}`, { provider: unit.provider, root: pathText(unit.root).text })
    const made: (Readonly<Record<string, string>> | Refusal)[] = []
    const beganAt = performance.now()
    for (const { provider, records } of byProvider(
      planned.map(({ record }) => record),
      services!.providers,
    )) {
      made.push(...(await provider.create(records, hold.lockFd)).made)
    }
    summary.skew_ms = Math.round(performance.now() - beganAt)
    const records = planned.map(({ record }, index) => {
      const identity = made[index]!
      return { ...record, identity: isRefusal(identity) ? null : { ...identity } }
    })
    hold.save({ ...hold.lease, snapshots: records })
    for (const [index, { unit }] of planned.entries()) {
      const identity = made[index]!
      const opened = isRefusal(identity) ? identity : await services!.providers.byName(unit.provider)!.open(records[index]!)
      if (isRefusal(opened)) failures.set(unit.key, opened)
      else taken.set(unit.key, { unit, record: records[index]!, snapshot: opened })
    }
    for (const provider of new Set([...taken.values()].map(({ unit }) => unit.provider))) {
      const mine = [...taken.values()].filter(({ unit }) => unit.provider === provider)
      emit('snapshot_ready', `reading ${mine.length === 1 ? 'a snapshot' : `${mine.length} snapshots`} by ${provider}`, {
        provider,
        snapshot_path: mine[0]!.record.path.text,
        units: mine.map(({ unit }) => unit.label),
        skew_ms: summary.skew_ms,
      })
    }
  }

  async function release(): Promise<void> {
    if (isReleased) return
    isReleased = true
    for (const { snapshot } of taken.values()) await snapshot.close()
    using held = hold
    const { kept } = await removeSnapshots(held, services!.providers)
    for (const { record, reason } of kept) {
      summary.status = 'cleanup_failed'
      summary.reason = reason
      emit('snapshot_cleanup_failed', `a snapshot is left: ${reason}`, { provider: record.provider, snapshot_path: record.path.text, reason }, 'warn')
    }
  }

  function unavailable(refusal: Refusal): FrozenSource {
    if (mode === 'required') throw unavailableError(refusal)
    const provider = spec.snapshot_provider
    emit('snapshot_unavailable', told(refusal), { reason: refusal.reason, ...(provider === undefined ? {} : { provider }) }, 'warn')
    return unfrozen({ mode, status: 'unavailable', reason: refusal.reason })
  }
}

/**
 * Walks a source to its end to see that everything it reads is frozen: in mode `required` that is known before anything is stored.
 * @throws BastionError snapshot_unavailable naming what is not; the signal's reason
 */
export function requireFrozen(source: PreparedSource, signal: AbortSignal): void {
  for (const _ of source.entries()) signal.throwIfAborted()
  const live = source.coverage().filter(({ read }) => read === 'live' || read === 'hole')
  const [first] = live
  if (first === undefined) return
  throw unavailableError({
    reason: `${first.path} is not frozen${first.reason === undefined ? '' : `: ${first.reason}`}`,
    hint: 'Exclude it, add --one-file-system, or use --snapshot auto.',
  })
}

function unfrozen(summary: SnapshotSummary): FrozenSource {
  const nothing = async () => {}
  return { summary, view: null, holders: [], sameDevices: [], check: nothing, release: nothing, [Symbol.asyncDispose]: nothing }
}

function unavailableError({ reason, hint }: Refusal): BastionError {
  return new BastionError('snapshot_unavailable', `a source snapshot is required: ${reason}`, hint === undefined ? {} : { hint })
}

function told({ reason, hint }: Refusal): string {
  return hint === undefined ? reason : `${reason}. ${hint}`
}

/** Of several the first, and how many more there are. */
function refusalOf(turns: readonly FoundTurn[]): Refusal {
  const [first, ...others] = turns
  if (first === undefined) return { reason: 'there is nothing to freeze' }
  const { reason, hint } = first.place as Refusal
  const more =
    others.length === 0
      ? ''
      : ` (and ${others.length} more: ${others
          .slice(0, 5)
          .map(({ logical }) => pathText(logical).text)
          .join(', ')})`
  return { reason: `${pathText(first.logical).text} cannot be frozen: ${reason}${more}`, ...(hint === undefined ? {} : { hint }) }
}

function turnOf({ logical, real, place }: FoundTurn, taken: ReadonlyMap<string, Taken>): Turn {
  if (place === null) return { logical, real, frozen: null }
  if (isRefusal(place)) return { logical, real, frozen: null, reason: place.reason }
  const { snapshot, unit } = taken.get(place.unit.key)!
  const path = snapshot.root === '/' ? place.inside || '/' : `${snapshot.root}${place.inside}`
  const { placeholderIno } = snapshot
  return { logical, real, unit: unit.label, frozen: { path, ...(placeholderIno === undefined ? {} : { placeholderIno }) } }
}

/** Consecutive records of one provider are made together. */
function byProvider(records: readonly SnapshotRecord[], providers: SnapshotProviders) {
  const groups: { provider: NonNullable<ReturnType<SnapshotProviders['byName']>>; records: SnapshotRecord[] }[] = []
  for (const record of records) {
    const last = groups.at(-1)
    if (last?.provider.kind === record.provider) last.records.push(record)
    else groups.push({ provider: providers.byName(record.provider)!, records: [record] })
  }
  return groups
}

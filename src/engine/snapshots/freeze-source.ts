import { lstatSync } from 'node:fs'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { FilesystemSource } from '../../core/filesystem-source.ts'
import type { RunEvent, RunEventKind } from '../../core/run-event.ts'
import type { SnapshotSummary } from '../../core/source-snapshot.ts'
import { type BytePath, fromPathText, fsPath, parentPath, pathText, toBytePath } from '../../lib/byte-path.ts'
import { sourceRoots, sourceRules } from '../sources/filesystem/source-paths.ts'
import type { ComingItem, PreparedSource } from '../sources/source.ts'
import { realPathOf } from './choose-unit.ts'
import { copiedEntries } from './copied-entries.ts'
import { findTurns, type FoundTurn } from './find-turns.ts'
import { createFrozenView, type FrozenView, type Turn } from './frozen-view.ts'
import type { LeaseStore } from './leases.ts'
import { isRefusal, type Refusal } from './snapshot-provider.ts'
import type { SnapshotServices } from './snapshot-services.ts'
import { type TakenSnapshot, takeSnapshots } from './take-snapshots.ts'

type Emit = (kind: RunEventKind, message: string, fields: Record<string, unknown>, level?: RunEvent['level']) => void

/** A source that is frozen as far as its mode asks and the machine can. */
export interface FrozenSource extends AsyncDisposable {
  /** as of now: `cleanup_failed` once `release` has failed */
  readonly summary: SnapshotSummary
  /** `null` when everything is read live */
  readonly view: FrozenView | null
  /** Entries as they are to be packed: files that are frozen one by one are copied when they are met. */
  packed(entries: Iterable<ComingItem>): Iterable<ComingItem>
  /** Directories that hold snapshots: no part of a source, live or frozen. */
  readonly holders: readonly BytePath[]
  /** Device numbers of units, live and frozen: a directory has the same inode number under both. */
  readonly sameDevices: readonly { live: number; frozen: number }[]
  /** @throws BastionError snapshot_unavailable when a snapshot that was read is not whole any more */
  check(): Promise<void>
  /** Removes the snapshots, or says that it could not. Can be called again. */
  release(): Promise<void>
}

/**
 * Freezes what a source reads: finds its units, makes their snapshots and says how its paths are read. In mode `auto` what cannot be frozen is read live, and told; in mode
 * `required` it fails the run, and nothing is left.
 * @throws BastionError snapshot_unavailable in mode `required`
 */
export async function freezeSource(
  spec: FilesystemSource,
  services: SnapshotServices | undefined,
  run: { runId: string; runDirectory: string; ownDirectories: readonly string[]; clock: Clock; emit: Emit },
): Promise<FrozenSource> {
  const { emit } = run
  const mode = spec.snapshot_mode
  const leftHolders = services === undefined ? [] : holdersOf(services.leases)
  if (mode === 'off') return unfrozen({ mode, status: 'off' }, leftHolders)
  if (services === undefined) return unavailable({ reason: 'this node is not set up for source snapshots' })

  const found = await findTurns(
    { ...services, override: spec.snapshot_provider, workDirectory: realPathOf(toBytePath(run.runDirectory)) ?? toBytePath(run.runDirectory) },
    {
      roots: sourceRoots(spec),
      rules: sourceRules(spec),
      oneFileSystem: spec.one_file_system,
      own: run.ownDirectories.flatMap((directory) => realPathOf(toBytePath(directory)) ?? []),
    },
  )
  // Not there, or not to be reached: the source itself says which.
  if (found.length === 0) return unfrozen({ mode, status: 'unavailable', reason: 'the source paths cannot be reached' }, leftHolders)
  if (mode === 'required' && found.some(isRefused)) return unavailable(refusalOf(found))
  const units = new Map(found.flatMap(({ place }) => (place === null || isRefusal(place) ? [] : [[place.unit.key, place.unit] as const])))
  if (units.size === 0) return unavailable(refusalOf(found))

  const held = await takeSnapshots([...units.values()], services, {
    ...run,
    onPlanned: (planned) => {
      for (const { provider, label, root } of planned) emit('snapshot_started', `freezing ${label}`, { provider, root: pathText(root).text })
    },
  })
  if (isRefusal(held)) return unavailable(held)
  const taken = [...held.taken.values()]
  const turns = found.map((turn) =>
    turn.place === null || isRefusal(turn.place) ? turn : { ...turn, place: held.failures.get(turn.place.unit.key) ?? turn.place },
  )
  const summary: SnapshotSummary = {
    mode,
    status: 'ready',
    provider: [...new Set(taken.map(({ unit }) => unit.provider))].join(', '),
    units: taken.map(({ unit }) => unit.label),
    skew_ms: held.skewMs,
    taken_at: held.takenAt,
  }
  if (taken.length === 0 || (mode === 'required' && turns.some(isRefused))) {
    await release()
    const live = unavailable(refusalOf(turns))
    return summary.status === 'ready' ? live : { ...live, summary }
  }
  tellReady(taken, held.skewMs, emit)
  const refused = turns.filter(isRefused)
  if (refused.length > 0) {
    const refusal = refusalOf(refused)
    summary.reason = refusal.reason
    emit('snapshot_unavailable', told(refusal), { reason: refusal.reason, paths: refused.map(({ logical }) => pathText(logical).text) }, 'warn')
  }

  const view = createFrozenView(turns.map((turn) => turnOf(turn, held.taken)))
  return {
    summary,
    view,
    packed: (entries) =>
      view.copiesFiles ? copiedEntries(entries, view, { isRequired: mode === 'required', spillDirectory: run.runDirectory }) : entries,
    holders: [...new Set([...taken.map(({ unit }) => unit.holder), ...leftHolders])],
    sameDevices: taken.flatMap(({ unit, snapshot }) => {
      const live = lstatSync(fsPath(unit.root), { throwIfNoEntry: false })
      return live === undefined ? [] : [{ live: live.dev, frozen: lstatSync(fsPath(snapshot.root)).dev }]
    }),
    async check() {
      const refusal = await held.check()
      if (refusal !== null) throw new BastionError('snapshot_unavailable', refusal.reason, { hint: 'Nothing of this run was kept. Start it again.' })
    },
    release,
    [Symbol.asyncDispose]: release,
  }

  async function release(): Promise<void> {
    if (isRefusal(held)) return
    for (const { record, reason } of await held.release()) {
      summary.status = 'cleanup_failed'
      summary.reason = reason
      emit('snapshot_cleanup_failed', `a snapshot is left: ${reason}`, { provider: record.provider, snapshot_path: record.path.text, reason }, 'warn')
    }
  }

  function unavailable(refusal: Refusal): FrozenSource {
    if (mode === 'required') throw unavailableError(refusal)
    const provider = spec.snapshot_provider
    emit('snapshot_unavailable', told(refusal), { reason: refusal.reason, ...(provider === undefined ? {} : { provider }) }, 'warn')
    return unfrozen({ mode, status: 'unavailable', reason: refusal.reason }, leftHolders)
  }
}

/**
 * Walks a source to its end to see that everything it reads is frozen: in mode `required` that is known before anything is stored.
 * @throws BastionError snapshot_unavailable naming what is not; the signal's reason
 */
export function requireFrozen(source: PreparedSource, view: FrozenView | null, signal: AbortSignal): void {
  for (const item of source.entries()) {
    signal.throwIfAborted()
    if ('problem' in item || item.entry.kind !== 'file' || item.entry.frozen !== false) continue
    // Behind a link that leads out of what is frozen; or on a mount that is not, which the coverage below can say better.
    if (item.entry.followed && view?.copiesFiles !== true) {
      throw unavailableError({ reason: `/${pathText(item.entry.path).text} is read through a link that leads out of what is frozen` })
    }
  }
  const live = source.coverage().find(({ read }) => read === 'live' || read === 'hole')
  if (live === undefined) return
  throw unavailableError({
    reason: `${live.path} is not frozen${live.reason === undefined ? '' : `: ${live.reason}`}`,
    hint: 'Leave it out with --exclude or --one-file-system.',
  })
}

/** Where snapshots of other runs stand, alive or left behind. */
function holdersOf(leases: LeaseStore): BytePath[] {
  const records = leases.list().flatMap((found) => (found.state === 'damaged' ? [] : found.lease.snapshots))
  return records.map(({ path }) => parentPath(fromPathText(path.text, path.b64)))
}

function unfrozen(summary: SnapshotSummary, holders: readonly BytePath[]): FrozenSource {
  const nothing = async () => {}
  return {
    summary,
    view: null,
    packed: (entries) => entries,
    holders,
    sameDevices: [],
    check: nothing,
    release: nothing,
    [Symbol.asyncDispose]: nothing,
  }
}

function tellReady(taken: readonly TakenSnapshot[], skewMs: number, emit: Emit): void {
  for (const provider of new Set(taken.map(({ unit }) => unit.provider))) {
    const mine = taken.filter(({ unit }) => unit.provider === provider)
    emit('snapshot_ready', `reading ${mine.length === 1 ? 'a snapshot' : `${mine.length} snapshots`} by ${provider}`, {
      provider,
      snapshot_path: mine[0]!.record.path.text,
      units: mine.map(({ unit }) => unit.label),
      skew_ms: skewMs,
    })
  }
}

function unavailableError({ reason, hint }: Refusal): BastionError {
  const live = 'To have it read live: --snapshot auto.'
  return new BastionError('snapshot_unavailable', `a source snapshot is required: ${reason}`, { hint: hint === undefined ? live : `${hint} ${live}` })
}

function told({ reason, hint }: Refusal): string {
  return hint === undefined ? reason : `${reason}. ${hint}`
}

function isRefused(turn: FoundTurn): turn is FoundTurn & { place: Refusal } {
  return turn.place !== null && isRefusal(turn.place)
}

/** Of several the first, and how many more there are. */
function refusalOf(turns: readonly FoundTurn[]): Refusal {
  const [first, ...others] = turns.filter(isRefused)
  if (first === undefined) return { reason: 'there is nothing to freeze' }
  const { reason, hint } = first.place
  const names = others.slice(0, 5).map(({ logical }) => pathText(logical).text)
  const more = others.length === 0 ? '' : ` (and ${others.length} more: ${names.join(', ')})`
  return { reason: `${pathText(first.logical).text} cannot be frozen: ${reason}${more}`, ...(hint === undefined ? {} : { hint }) }
}

function turnOf({ logical, real, place }: FoundTurn, taken: ReadonlyMap<string, TakenSnapshot>): Turn {
  if (place === null) return { logical, real, frozen: null }
  if (isRefusal(place)) return { logical, real, frozen: null, reason: place.reason }
  const { snapshot, unit, grade } = taken.get(place.unit.key)!
  const path = snapshot.root === '/' ? place.inside || '/' : `${snapshot.root}${place.inside}`
  const { placeholderIno, copyFile } = snapshot
  if (copyFile !== undefined) return { logical, real, unit: unit.label, frozen: null, copyFile }
  return { logical, real, unit: unit.label, frozen: { path, grade, ...(placeholderIno === undefined ? {} : { placeholderIno }) } }
}

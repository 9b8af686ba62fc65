import { closeSync, constants, mkdirSync, openSync } from 'node:fs'
import type { Clock } from '../core/clock.ts'
import { BastionError, hasCode } from '../core/errors.ts'
import type { Damage, DrillReport } from '../core/operation-report.ts'
import type { Progress } from '../core/run-event.ts'
import { type BytePath, pathText } from '../lib/byte-path.ts'
import { checkObjects } from './check-objects.ts'
import { checkRestored, type CheckedTree } from './drilling/check-restored.ts'
import type { DrillRecipe, RestoredTree } from './drilling/drill-recipe.ts'
import { createSqliteCheck, type SqliteCheck } from './drilling/sqlite-check.ts'
import type { Artifact } from './open-artifact.ts'
import { restore } from './restore.ts'
import { createDestination } from './restoring/destination.ts'
import type { Selection } from './selection.ts'
import type { Target } from './targets/target.ts'

export interface DrillRequest {
  target: Target
  artifact: Artifact
  /** absolute; made here, and the caller's to remove, whatever comes of it */
  directory: string
  /** null: beside databases nothing is known of what was backed up */
  recipe: DrillRecipe | null
  clock: Clock
  signal: AbortSignal
  onProgress: (progress: Progress) => void
  /** told when the next part begins: `restoring`, `checking`, `databases`, `recipe`, `damage` */
  onPart?: (part: DrillPart) => void
}
export type DrillPart = 'restoring' | 'checking' | 'databases' | 'recipe' | 'damage'

const maxSamples = 50

/**
 * Proves that an artifact can be restored, by restoring all of it: into a directory that is not there yet, every file read again from there and compared with the index, every SQLite
 * database asked whether it is whole, and the recipe's own questions. What is damaged is reported, with the objects it comes from, not thrown. `proven` needs that there was something
 * to prove, and that all of it was.
 * @throws restore_failed when this place is to blame (no room, no rights) · encryption_key_missing · the target's errors · canceled
 */
export async function drill(request: DrillRequest): Promise<DrillReport> {
  const { target, artifact, directory, recipe, clock, signal, onPart } = request
  const startedAt = clock.now()
  const report: DrillReport = {
    kind: 'drill',
    proven: false,
    manifest_hash: artifact.manifestHash,
    restore_ms: 0,
    duration_ms: 0,
    restored: { files: 0, dirs: 0, links: 0, others: 0, bytes: 0 },
    entries: { expected: 0, checked: 0, bytes: 0 },
    sqlite: { found: 0, ok: 0, failed: [] },
    recipe: null,
    damaged: { total: 0, sample: [] },
  }
  const damage = (object: string, message: string) => note(report.damaged, object, message)
  const finish = (): DrillReport => ({ ...report, duration_ms: clock.now() - startedAt })

  const objects = await checkObjects({ target, artifact }, { hashes: false, signal, onDamage: damage })
  if (report.damaged.total > 0) return finish()

  mkdirSync(directory, { mode: 0o700 })
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const selection = restorableHere()
    onPart?.('restoring')
    const restoringAt = clock.now()
    try {
      // What is damaged is not there then, which is found below.
      const { restored, failed, conflicts } = await restore({ ...request, destination: directory, selection, conflict: 'fail', damaged: true })
      report.restored = restored
      report.restore_ms = clock.now() - restoringAt
      const [failure] = [...failed.sample, ...conflicts.sample]
      if (failure !== undefined) throw new BastionError('restore_failed', failure)
      onPart?.('checking')
      await check(fd, selection)
    } catch (error) {
      if (!hasCode(error, 'artifact_damaged')) throw error
      const { object } = error.details
      damage(typeof object === 'string' ? object : artifact.manifest.entry_index.name, error.message)
    }
    if (report.damaged.total > 0) await nameObjects()
    const { entries, sqlite, damaged } = report
    const isWhole = damaged.total === 0 && objects.checked > 0 && objects.checked === objects.expected
    const isChecked = entries.expected > 0 && entries.checked === entries.expected && sqlite.ok === sqlite.found
    report.proven = isWhole && isChecked && (report.recipe?.checks.every(({ ok }) => ok) ?? true)
    return finish()
  } finally {
    closeSync(fd)
  }

  async function check(rootFd: number, selection: Selection): Promise<void> {
    const onProgress = (tree: CheckedTree) => request.onProgress(checkingProgress(tree, artifact, clock.now() - startedAt))
    const tree = await checkRestored(artifact, rootFd, { selection, signal, onDifference: damage, onProgress })
    report.entries = { expected: tree.expected, checked: tree.checked, bytes: tree.bytes }
    if (tree.databases.length === 0 && recipe === null) return
    await using databases = createSqliteCheck(signal)
    onPart?.('databases')
    for (const path of tree.databases) {
      const { problem } = await databases.ask(directory, path)
      report.sqlite.found += 1
      if (problem === null) report.sqlite.ok += 1
      else if (report.sqlite.failed.length < maxSamples) report.sqlite.failed.push({ path: pathText(path).text, message: problem })
    }
    if (recipe === null) return
    onPart?.('recipe')
    using restored = openRestored(rootFd, directory, tree.databases, databases)
    report.recipe = { name: recipe.name, checks: await recipe.check(restored) }
  }

  /** Which of the stored objects it comes from: their hashes tell. */
  async function nameObjects(): Promise<void> {
    onPart?.('damage')
    const named: Damage = { total: 0, sample: [] }
    await checkObjects({ target, artifact }, { hashes: true, signal, onDamage: (object, message) => note(named, object, message) })
    report.damaged.sample = [...named.sample, ...report.damaged.sample].slice(0, maxSamples)
    report.damaged.total += named.total
  }
}

/** Devices are made by root alone, and are no content. */
function restorableHere(): Selection {
  const isRoot = process.getuid?.() === 0
  return { all: true, takes: ({ kind }) => isRoot || kind !== 'device' }
}

function note(damage: Damage, object: string, message: string): void {
  damage.total += 1
  if (damage.sample.length < maxSamples) damage.sample.push({ object, message })
}

function openRestored(rootFd: number, root: string, databases: readonly BytePath[], check: SqliteCheck): RestoredTree & Disposable {
  const tree = createDestination(rootFd)
  return {
    databases,
    hasFile(path) {
      try {
        return tree.lookAt(path)?.isFile() === true
      } catch (error) {
        if (['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
        throw error
      }
    },
    ask: (database, queries) => check.ask(root, database, queries),
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  }
}

function checkingProgress(tree: CheckedTree, { manifest }: Artifact, elapsedMs: number): Progress {
  const { files, dirs, source_bytes } = manifest.totals
  const rate = tree.bytes / Math.max(0.001, elapsedMs / 1000)
  return {
    stage: 'checking',
    done: { files: tree.checked, dirs: 0, bytes: tree.bytes },
    total: { files, dirs, bytes: source_bytes },
    rate_bps: Math.round(rate),
    eta_s: rate === 0 ? null : Math.round(Math.max(0, source_bytes - tree.bytes) / rate),
    stored_bytes: 0,
  }
}

import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { BastionError, hasCode } from '../core/errors.ts'
import type { OperationOutcome } from '../core/operation.ts'
import type { DrillReport } from '../core/operation-report.ts'
import { failureOf } from '../core/run.ts'
import { drill, type DrillPart } from '../engine/drill.ts'
import type { DrillRecipe } from '../engine/drilling/drill-recipe.ts'
import { lookIntoDirectory, planRestore } from '../engine/plan-restore.ts'
import { selectEntries } from '../engine/selection.ts'
import { vaultwardenRecipe } from '../engine/drilling/vaultwarden-recipe.ts'
import type { OperationPlanOf } from '../protocol/operation-plan.ts'
import type { OperationContext } from './operation-context.ts'
import { damageError } from './carry-out-verify.ts'
import { emitEvent } from './emit-event.ts'
import type { OpenedArtifact } from './open-artifact-at.ts'
import { removeScratch } from './scratch.ts'
import { workFiles } from './work-directory.ts'

const recipes: Record<NonNullable<OperationPlanOf<'drill'>['recipe']>, DrillRecipe> = { vaultwarden: vaultwardenRecipe }

const told: Record<DrillPart, string> = {
  restoring: 'restoring everything into a temporary directory',
  checking: 'reading again what was restored',
  databases: 'asking the SQLite databases whether they are whole',
  recipe: 'looking at what the program needs',
  damage: 'looking for the objects that are damaged',
}

/** Restores into the directory of the operation, proves what came back, and removes it. @throws BastionError where this node is to blame, not the artifact */
export async function carryOutDrill(plan: OperationPlanOf<'drill'>, opened: OpenedArtifact, context: OperationContext): Promise<OperationOutcome> {
  const { clock, signal, onProgress, runDirectory } = context
  const directory = join(runDirectory, workFiles.scratch)
  await requireRoom(opened, context)
  try {
    const recipe = plan.recipe === null ? null : recipes[plan.recipe]
    const onPart = (part: DrillPart) => emitEvent(context, part === 'restoring' ? 'restoring' : 'verifying', told[part])
    const report = await drill({ ...opened, directory, recipe, clock, signal, onProgress, onPart })
    return outcomeOf(report, context)
  } finally {
    await removeScratch(runDirectory)
  }
}

async function requireRoom({ artifact }: OpenedArtifact, { runDirectory, signal }: OperationContext): Promise<void> {
  const { bavail, bsize } = statfsSync(runDirectory)
  const free = bavail * bsize
  using look = lookIntoDirectory(null, free)
  const needed = await planRestore({ artifact, selection: selectEntries([]), conflict: 'fail', look, signal }).then(
    (plan) => plan.needed_bytes,
    (error: unknown) => {
      // The drill itself finds what is damaged, and says where.
      if (hasCode(error, 'artifact_damaged')) return 0
      throw error
    },
  )
  if (needed <= free) return
  throw new BastionError('restore_failed', `a drill needs ${needed} bytes of room in the data directory, and ${free} are free`, {
    hint: 'Free some room, or move the data directory to a larger disk.',
    details: { needed_bytes: needed, free_bytes: free },
  })
}

function outcomeOf(report: DrillReport, context: OperationContext): OperationOutcome {
  const { entries, sqlite, recipe, damaged } = report
  if (damaged.total > 0) emitEvent(context, 'damaged', `${damaged.total} are damaged`, { ...damaged }, 'error')
  if (sqlite.found > 0) {
    const isWhole = sqlite.ok === sqlite.found
    emitEvent(context, 'sqlite_checked', `${sqlite.ok} of ${sqlite.found} SQLite databases are whole`, { ...sqlite }, isWhole ? 'info' : 'error')
  }
  if (recipe !== null) {
    const missed = recipe.checks.filter(({ ok }) => !ok)
    const text = `${recipe.name}: ${recipe.checks.length - missed.length} of ${recipe.checks.length} are as they should be`
    emitEvent(context, 'recipe_checked', text, { ...recipe }, missed.length === 0 ? 'info' : 'error')
  }
  if (!report.proven) return { status: 'failed', error: failureOf(whyNotProven(report)), report }
  emitEvent(context, 'complete', `restored and found whole: ${entries.checked} entries, ${entries.bytes} bytes`, {
    restore_ms: report.restore_ms,
    ...entries,
  })
  return { status: 'success', report }
}

function whyNotProven({ damaged, sqlite, recipe, entries }: DrillReport): BastionError {
  const [database] = sqlite.failed
  const check = recipe?.checks.find(({ ok }) => !ok)
  const hint = 'The artifact holds what was read at the time. Look at the source, and back it up in a consistent state.'
  if (damaged.total > 0) return damageError(damaged.sample, 'the artifact is damaged')
  if (database !== undefined) return new BastionError('artifact_damaged', `${database.path}: ${database.message}`, { hint })
  if (check !== undefined) return new BastionError('artifact_damaged', `${check.name}: ${check.message}`, { hint })
  return new BastionError('artifact_damaged', `${entries.checked} of ${entries.expected} entries were checked: that proves nothing`, {
    hint: 'Look at what the job takes: an artifact with nothing in it cannot be proven.',
  })
}

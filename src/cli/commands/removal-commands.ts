import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { artifactName } from '../../engine/list.ts'
import { removeArtifact } from '../../engine/remove-artifact.ts'
import { type RemovedIncomplete, removeIncomplete } from '../../engine/remove-incomplete.ts'
import { type ScannedPlace, scanTarget } from '../../engine/scan-target.ts'
import type { Target } from '../../engine/targets/target.ts'
import { targetArgument } from '../arguments.ts'
import { parseArtifact } from '../artifact-text.ts'
import { askTerminal } from '../ask-terminal.ts'
import type { CliContext } from '../cli-context.ts'
import { dataDirectory } from '../data-directory.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { openKnownTargets } from '../known-targets.ts'
import { formatBytes } from '../progress-line.ts'
import { printJson } from '../rows.ts'
import { systemClock } from '../system-clock.ts'
import type { RunCommand } from './command.ts'

/** What `bastion backup` writes as the Hub of its artifacts. */
const ownHubId = 'cli'
const dayMs = 24 * 60 * 60_000
const placesAtOnce = 1000

interface RemovalOptions {
  yes?: true
  dataDir?: string
  json?: true
}

/** Removing without a Hub. What a Hub has stored is the Hub's to delete: it would look for it. */
export function addRemovalCommands(program: Command, run: RunCommand): void {
  program
    .command('delete')
    .description('delete an artifact that "bastion backup" has stored')
    .argument('<artifact>', 'TARGET/JOB/RUN, as "bastion list TARGET" prints it')
    .option('--force', 'also one that a Hub has stored, which will miss it')
    .option('--yes', 'do not ask')
    .option('--data-dir <dir>', 'where Bastion keeps its own data')
    .option('--json', 'the result as JSON')
    .action((name: string, options: RemovalOptions & { force?: true }) => run((context) => deleteCommand(name, options, context)))

  program
    .command('cleanup')
    .description('remove what runs of "bastion backup" have left that were killed before their artifact was complete')
    .argument('<target>', 'a path or a URL')
    .option('--older-than <days>', 'in which nothing happened for so many days', '7')
    .option('--yes', 'do not ask')
    .option('--data-dir <dir>', 'where Bastion keeps its own data')
    .option('--json', 'what was found and what became of it, as JSON lines')
    .action((name: string, options: RemovalOptions & { olderThan: string }) => run((context) => cleanupCommand(name, options, context)))
}

async function deleteCommand(name: string, options: RemovalOptions & { force?: true }, context: CliContext): Promise<ExitCode> {
  const named = parseArtifact(name)
  if ('latestOf' in named)
    throw new BastionError('invalid_spec', 'what is to be deleted is named by its run, not by @latest', {
      hint: '"bastion list TARGET" shows the runs.',
    })
  const { ref } = named
  await using target = await targetArgument(named.targetText, context)
  const expectedTargetId = expectedId(target, options, context)
  await confirm(`Delete ${artifactName(ref)} on ${target.label} for good`, options, context)
  const { signal } = context
  const force = options.force === true
  const removed = await removeArtifact(target, ref, { expectedTargetId, hubId: ownHubId, force, clock: systemClock, signal })
  if (removed.result === 'not_there') throw new BastionError('artifact_not_found', `${target.label} has no ${artifactName(ref)}`)
  if (options.json === true) await printJson(context, { artifact: artifactName(ref), ...removed })
  else await context.out(`${artifactName(ref)} is deleted: ${removed.objects} objects, ${formatBytes(removed.bytes)}\n`)
  return exitCodes.ok
}

type Incomplete = Extract<ScannedPlace, { state: 'incomplete' }>

async function cleanupCommand(name: string, options: RemovalOptions & { olderThan: string }, context: CliContext): Promise<ExitCode> {
  const days = Number(options.olderThan)
  if (!Number.isInteger(days) || days < 1) throw new BastionError('invalid_spec', '--older-than takes a whole number of days, 1 or more')
  await using target = await targetArgument(name, context)
  const expectedTargetId = expectedId(target, options, context)
  const olderThanAt = systemClock.now() - days * dayMs
  const { found, targetId } = await findIncomplete(target, expectedTargetId, context)
  const old = found.filter((one) => one.lastSignAt <= olderThanAt && (one.hubId === null || one.hubId === ownHubId))
  const left = found.filter((one) => !old.includes(one))
  for (const one of left) {
    const why = one.lastSignAt > olderThanAt ? 'too_new' : 'of_a_hub'
    if (options.json === true) await printJson(context, { run: artifactName(one), result: 'kept', why })
    else
      await context.out(
        `${lineOf(one)}; stays: ${why === 'too_new' ? `younger than ${days} days` : `it is for its Hub to remove (${printableText(one.hubId ?? '')})`}\n`,
      )
  }
  if (options.json !== true) for (const one of old) await context.out(`${lineOf(one)}\n`)
  if (old.length === 0) {
    if (options.json !== true) await context.out('nothing to remove\n')
    return exitCodes.ok
  }
  await confirm(`Remove ${old.length === 1 ? 'this one' : `these ${old.length}`} on ${target.label} for good`, options, context)
  let failed = 0
  for (const one of old) {
    const { signal } = context
    const remove = () =>
      removeIncomplete(target, one, { expectedTargetId: targetId, hubId: ownHubId, force: false, olderThanAt, clock: systemClock, signal })
    const result = await remove().catch((error: unknown) => failureToTell(error))
    if (result instanceof BastionError) failed += 1
    await tell(one, result, options, context)
  }
  return failed > 0 ? exitCodes.failed : exitCodes.ok
}

/** The others are tried all the same, unless somebody wants to stop. */
function failureToTell(error: unknown): BastionError {
  if (error instanceof BastionError && error.code !== 'canceled') return error
  throw error
}

async function tell(one: Incomplete, result: RemovedIncomplete | BastionError, options: RemovalOptions, context: CliContext): Promise<void> {
  const run = artifactName(one)
  if (result instanceof BastionError) {
    if (options.json === true) await printJson(context, { run, result: 'failed', code: result.code, message: result.message })
    else context.note(`${run} could not be removed: ${printableText(result.message)}\n`)
  } else if (options.json === true) await printJson(context, { run, ...result })
  else
    await context.out(
      `${run} ${result.result === 'removed' ? 'is removed' : result.result === 'kept' ? `stays: ${result.why}` : 'was gone already'}\n`,
    )
}

async function findIncomplete(
  target: Target,
  expectedTargetId: string | undefined,
  { signal }: CliContext,
): Promise<{ found: Incomplete[]; targetId: string }> {
  const found: Incomplete[] = []
  for (let after: string | undefined; ;) {
    const page = await scanTarget(target, {
      expectedTargetId,
      after,
      limit: placesAtOnce,
      only: 'incomplete',
      identities: [],
      clock: systemClock,
      signal,
    })
    for (const place of page.found) if (place.state === 'incomplete') found.push(place)
    if (page.next === null) return { found, targetId: page.targetId }
    after = page.next
  }
}

function lineOf(one: Incomplete): string {
  return `${artifactName(one)}  ${new Date(one.lastSignAt).toISOString()}  ${one.objects} objects, ${formatBytes(one.bytes)}`
}

/** Another disk at the place of a known one is not the operator's target. */
function expectedId(target: Target, options: RemovalOptions, context: CliContext): string | undefined {
  return openKnownTargets(dataDirectory(context, options.dataDir)).idOf(target.label)
}

/** @throws canceled unless a person says yes */
async function confirm(question: string, { yes }: RemovalOptions, { signal }: CliContext): Promise<void> {
  if (yes === true) return
  const answer = await askTerminal(`${question}? (yes/no)`, { hidden: false, hint: 'Add --yes.', signal })
  if (answer.trim().toLowerCase() !== 'yes') throw new BastionError('canceled', 'nothing was removed')
}

import { join, resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { filesystemSourceSchema } from '../../core/filesystem-source.ts'
import { runIdSchema } from '../../core/ids.ts'
import { probeSource } from '../../engine/snapshots/probe-source.ts'
import { leaseReport, reapedReport } from '../../engine/snapshots/lease-report.ts'
import { orphanWaitMs, reapLeases } from '../../engine/snapshots/reaper.ts'
import { realPathOf } from '../../engine/snapshots/choose-unit.ts'
import { sourceRoots, sourceRules } from '../../engine/sources/filesystem/source-paths.ts'
import { toBytePath } from '../../lib/byte-path.ts'
import type { CliContext } from '../cli-context.ts'
import { dataDirectory } from '../data-directory.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { snapshotServices } from '../snapshot-services.ts'
import { collect, type RunCommand } from './command.ts'

interface NodeOptions {
  dataDir?: string
  json?: true
}

interface ProbeOptions extends NodeOptions {
  snapshotProvider?: string
  snapshotRoot: string[]
  exclude: string[]
  oneFileSystem?: true
}

const dataDirOption = ['--data-dir <dir>', 'where Bastion keeps its own data'] as const
const rootOption = ['--snapshot-root <dir>', 'as if source snapshots of what is here were allowed; repeatable', collect, [] as string[]] as const

/** What concerns the source snapshots of this machine: snapshot probe, leases. */
export function addSnapshotCommands(program: Command, run: RunCommand): void {
  program
    .command('snapshot')
    .description('look into source snapshots')
    .command('probe')
    .description('say what a backup of a path would freeze, and what is missing for the rest; changes nothing')
    .argument('<path...>', 'files and directories, as for backup')
    .option('--snapshot-provider <provider>', 'by this provider only')
    .option(...rootOption)
    .option('--exclude <pattern>', 'as for backup; repeatable', collect, [])
    .option('--one-file-system', 'as for backup')
    .option(...dataDirOption)
    .option('--json', 'as JSON lines')
    .action((paths: string[], options: ProbeOptions) => run((context) => probeCommand(paths, options, context)))

  program
    .command('leases')
    .description('list the source snapshots that runs hold or have left, remove those left, or forget those of a run without touching them')
    .addArgument(new Argument('[action]', 'list, reap or forget').choices(['list', 'reap', 'forget']).default('list'))
    .argument('[run]', 'whose snapshots to forget')
    .option(...dataDirOption)
    .option('--json', 'as JSON lines')
    .action((action: string, runId: string | undefined, options: NodeOptions) =>
      run((context) => {
        if (action === 'forget') return forgetCommand(runId, options, context)
        return (action === 'reap' ? reapCommand : leasesCommand)(options, context)
      }),
    )
}

async function probeCommand(paths: string[], options: ProbeOptions, context: CliContext): Promise<ExitCode> {
  const dataDir = dataDirectory(context, options.dataDir)
  const services = snapshotServices(context, { dataDir, roots: options.snapshotRoot })
  const spec = filesystemSourceSchema.parse({
    type: 'filesystem',
    paths: paths.map((path) => resolve(context.cwd, path)),
    exclude: options.exclude,
    one_file_system: options.oneFileSystem ?? false,
  })
  const missing = spec.paths.find((path) => realPathOf(toBytePath(path)) === null)
  if (missing !== undefined) throw new BastionError('source_not_found', `${missing} does not exist, or cannot be reached`)
  const places = await probeSource(services, {
    roots: sourceRoots(spec),
    rules: sourceRules(spec),
    oneFileSystem: spec.one_file_system,
    provider: options.snapshotProvider,
    workDirectory: join(dataDir, 'runs'),
  })
  for (const place of places) {
    if (options.json === true) await context.out(`${JSON.stringify(place)}\n`)
    else if (place.read === 'snapshot') {
      await context.out(
        `${printableText(place.path)}  snapshot by ${place.provider} of ${printableText(place.unit)}, in ${printableText(place.snapshots_in)}${place.not_yet_run_on_a_real_system === true ? ' (not yet run on a real system)' : ''}\n`,
      )
    } else if (place.read === 'live') {
      await context.out(
        `${printableText(place.path)}  live: ${printableText(place.reason)}${place.hint === undefined ? '' : `. ${printableText(place.hint)}`}\n`,
      )
    } else await context.out(`${printableText(place.path)}  left out\n`)
  }
  return places.some(({ read }) => read === 'live') ? exitCodes.warnings : exitCodes.ok
}

async function leasesCommand(options: NodeOptions, context: CliContext): Promise<ExitCode> {
  const { leases } = snapshotServices(context, { dataDir: dataDirectory(context, options.dataDir), roots: [] })
  for (const found of leases.list()) {
    const { runId } = found
    if (options.json === true) await context.out(`${JSON.stringify(leaseReport(found))}\n`)
    else if (found.state === 'damaged') await context.out(`${runId}  DAMAGED: ${printableText(found.message)}\n`)
    else {
      const { snapshots, attempts, last_error: error } = found.lease
      const state = found.state === 'held' ? 'in use' : attempts === 0 ? 'left' : `left, ${attempts} times not removed: ${printableText(error ?? '')}`
      for (const { provider, unit, path } of snapshots)
        await context.out(`${runId}  ${provider}  ${printableText(unit)}  ${printableText(path.text)}  ${state}\n`)
    }
  }
  return exitCodes.ok
}

async function reapCommand(options: NodeOptions, context: CliContext): Promise<ExitCode> {
  const { leases, providers } = snapshotServices(context, { dataDir: dataDirectory(context, options.dataDir), roots: [] })
  let isClean = true
  for (const reaped of await reapLeases(leases, providers, { waitMs: orphanWaitMs })) {
    const { runId, removed, kept, passedOver } = reaped
    isClean &&= kept.length === 0
    if (options.json === true) {
      await context.out(`${JSON.stringify(reapedReport(reaped))}\n`)
      continue
    }
    if (passedOver !== undefined) await context.out(`${runId}  passed over: ${printableText(passedOver)}\n`)
    for (const { path } of removed) await context.out(`${runId}  gone  ${printableText(path.text)}\n`)
    for (const { record, reason } of kept) await context.out(`${runId}  LEFT  ${printableText(record.path.text)}: ${printableText(reason)}\n`)
  }
  return isClean ? exitCodes.ok : exitCodes.warnings
}

async function forgetCommand(runId: string | undefined, options: NodeOptions, context: CliContext): Promise<ExitCode> {
  if (!runIdSchema.safeParse(runId).success)
    throw new BastionError('invalid_spec', 'leases forget needs the id of a run, as "bastion leases" shows it')
  const { leases } = snapshotServices(context, { dataDir: dataDirectory(context, options.dataDir), roots: [] })
  const outcome = leases.forget(runId!)
  if (outcome === 'held') throw new BastionError('node_busy', `run ${runId!} is alive`, { hint: 'Stop it first.' })
  if (outcome === 'gone') throw new BastionError('entry_not_found', `there is no lease of run ${runId!}`, { hint: '"bastion leases" lists them.' })
  if (options.json === true) await context.out(`${JSON.stringify({ run_id: runId, forgotten: true })}\n`)
  else context.note('Forgotten. What is left of its snapshots is yours to remove.\n')
  return exitCodes.ok
}

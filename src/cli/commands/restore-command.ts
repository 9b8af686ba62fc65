import { resolve } from 'node:path'
import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { conflictPolicySchema } from '../../core/operation.ts'
import type { Progress } from '../../core/run-event.ts'
import { restore, type RestoreRequest } from '../../engine/restore.ts'
import { restoreToTarget, type TargetRestoreReport } from '../../engine/restore-to-target.ts'
import type { RestoreReport } from '../../engine/restoring/restore-report.ts'
import { selectEntries } from '../../engine/selection.ts'
import { parseTarget } from '../../engine/targets/target-url.ts'
import { keepFreedMemory } from '../../lib/malloc.ts'
import { artifactArgument, targetArgument } from '../arguments.ts'
import type { CliContext } from '../cli-context.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { oneOf } from '../one-of.ts'
import { createProgressLine, formatBytes } from '../progress-line.ts'
import { systemClock } from '../system-clock.ts'
import { collect, type RunCommand } from './command.ts'

interface RestoreOptions {
  to: string
  only: string[]
  conflict: string
  damaged?: true
  identity?: string
  json?: true
}

export function addRestoreCommand(program: Command, run: RunCommand): void {
  program
    .command('restore')
    .description('restore an artifact, or some of it, below a directory or to a server')
    .argument('<artifact>', 'TARGET/JOB/RUN, or TARGET/JOB@latest')
    .requiredOption('--to <place>', 'the directory to restore into, or the URL of one on a server, as a target is named; paths are kept below it')
    .option('--only <glob>', 'only what matches, with everything below it; repeatable', collect, [])
    .option('--conflict <policy>', 'what is there already: fail, skip, overwrite or rename', 'fail')
    .option('--damaged', 'restore what is whole of a damaged artifact')
    .option('--identity <file>', 'age identity file, for encrypted artifacts')
    .option('--json', 'the report as JSON')
    .action((artifact: string, options: RestoreOptions) => run((context) => restoreCommand(artifact, options, context)))
}

async function restoreCommand(name: string, options: RestoreOptions, context: CliContext): Promise<ExitCode> {
  const conflict = oneOf('--conflict', conflictPolicySchema, options.conflict)
  const selection = selectEntries(options.only)
  keepFreedMemory()
  await using opened = await artifactArgument(name, options, context)
  using line = createProgressLine(context)
  const request = {
    artifact: opened.artifact,
    selection,
    conflict,
    damaged: options.damaged ?? false,
    clock: systemClock,
    signal: context.signal,
    onProgress: (progress: Progress) => line.show(progress),
  }
  const report = await restoreTo(options.to, request, context)
  line[Symbol.dispose]()
  const { restored } = report
  const met = sum(
    restored.files,
    restored.dirs,
    restored.links,
    restored.others,
    report.skipped,
    report.not_restorable,
    ...Object.values(notHeld(report)),
  )
  if (!selection.all && met === 0 && problems(report).length === 0) {
    throw new BastionError('entry_not_found', 'nothing in the artifact matches --only')
  }
  if (options.json === true) await context.out(`${JSON.stringify(report)}\n`)
  else context.note(`${reportText(report)}\n`)
  if (report.failed.total + report.damaged.total > 0) return exitCodes.failed
  const { links, others } = notHeld(report)
  return report.conflicts.total + links + others > 0 ? exitCodes.warnings : exitCodes.ok
}

/** A URL is a place on a server, but `file:` one of this machine; anything else is a directory, whatever its name. */
async function restoreTo(
  place: string,
  request: Omit<RestoreRequest, 'destination'>,
  context: CliContext,
): Promise<RestoreReport | TargetRestoreReport> {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(place)
  const config = isUrl ? parseTarget(place, context.cwd, context.env) : null
  if (config === null || config.type === 'local_dir') return await restore({ ...request, destination: config?.path ?? resolve(context.cwd, place) })
  await using destination = await targetArgument(place, context)
  return await restoreToTarget({ ...request, destination })
}

/** Nothing, of a directory. */
function notHeld(report: RestoreReport | TargetRestoreReport): TargetRestoreReport['not_held'] {
  return 'not_held' in report ? report.not_held : { dirs: 0, links: 0, others: 0 }
}

function sum(...numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

const metadataNotes = [
  ['owner', 'owner'],
  ['mode', 'mode'],
  ['mtime', 'mtime'],
  ['xattrs', 'extended attributes'],
] as const

function problems(report: RestoreReport): string[] {
  return [...report.conflicts.sample, ...report.failed.sample, ...report.damaged.sample]
}

function notHeldText({ dirs, links, others }: TargetRestoreReport['not_held']): string[] {
  return [
    ...(dirs > 0 ? [`${dirs} directories are there only where there are files in them: the place keeps no others`] : []),
    ...(links > 0 ? [`${links} symbolic links are not restored: the place keeps none`] : []),
    ...(others > 0 ? [`${others} FIFOs and devices are not restored: the place keeps none`] : []),
  ]
}

function reportText(report: RestoreReport | TargetRestoreReport): string {
  const { restored, metadata } = report
  const lines = [`${restored.files} files, ${restored.dirs} directories, ${restored.links} links restored; ${formatBytes(restored.bytes)}`]
  if (report.skipped > 0) lines.push(`${report.skipped} skipped: they exist already`)
  if (report.renamed > 0) lines.push(`${report.renamed} restored under another name: theirs was taken`)
  if (report.not_restorable > 0) lines.push(`${report.not_restorable} sockets are not restored: their programs make them`)
  if ('not_held' in report) lines.push(...notHeldText(report.not_held))
  else if (!metadata.owners_restored) lines.push('owners are not restored: that needs root')
  for (const [what, text] of metadataNotes) if (metadata[what] > 0) lines.push(`${metadata[what]} entries without their ${text}`)
  if (report.conflicts.total > 0) lines.push(`${report.conflicts.total} left as they are, something else is in their way:`)
  if (report.failed.total > 0) lines.push(`${report.failed.total} failed`)
  if (report.damaged.total > 0) lines.push(`${report.damaged.total} damaged in the artifact and not restored`)
  for (const problem of problems(report)) lines.push(`  ${printableText(problem)}`)
  return lines.join('\n')
}

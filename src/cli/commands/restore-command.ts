import { resolve } from 'node:path'
import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { restore, type RestoreReport } from '../../engine/restore.ts'
import type { ConflictPolicy } from '../../engine/restoring/extract-protocol.ts'
import { selectEntries } from '../../engine/selection.ts'
import { artifactArgument } from '../arguments.ts'
import type { CliContext } from '../cli-context.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
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

const conflictPolicies: readonly string[] = ['fail', 'skip', 'overwrite', 'rename'] satisfies ConflictPolicy[]

export function addRestoreCommand(program: Command, run: RunCommand): void {
  program
    .command('restore')
    .description('restore an artifact, or some of it, below a directory')
    .argument('<artifact>', 'TARGET/JOB/RUN, or TARGET/JOB@latest')
    .requiredOption('--to <dir>', 'the directory to restore into; paths are kept below it')
    .option('--only <glob>', 'only what matches, with everything below it; repeatable', collect, [])
    .option('--conflict <policy>', 'what is there already: fail, skip, overwrite or rename', 'fail')
    .option('--damaged', 'restore what is whole of a damaged artifact')
    .option('--identity <file>', 'age identity file, for encrypted artifacts')
    .option('--json', 'the report as JSON')
    .action((artifact: string, options: RestoreOptions) => run((context) => restoreCommand(artifact, options, context)))
}

async function restoreCommand(name: string, options: RestoreOptions, context: CliContext): Promise<ExitCode> {
  if (!conflictPolicies.includes(options.conflict)) throw new BastionError('invalid_spec', `--conflict is one of ${conflictPolicies.join(', ')}`)
  const selection = selectEntries(options.only)
  await using opened = await artifactArgument(name, options, context)
  using line = createProgressLine(context)
  const report = await restore({
    artifact: opened.artifact,
    destination: resolve(context.cwd, options.to),
    selection,
    conflict: options.conflict as ConflictPolicy,
    damaged: options.damaged ?? false,
    clock: systemClock,
    signal: context.signal,
    onProgress: (progress) => line.show(progress),
  })
  line[Symbol.dispose]()
  const { restored } = report
  const met = restored.files + restored.dirs + restored.links + restored.others + report.skipped + report.not_restorable
  if (!selection.all && met === 0 && problems(report).length === 0) {
    throw new BastionError('entry_not_found', 'nothing in the artifact matches --only')
  }
  if (options.json === true) await context.out(`${JSON.stringify(report)}\n`)
  else context.note(`${reportText(report)}\n`)
  if (report.failed.total + report.damaged.total > 0) return exitCodes.failed
  return report.conflicts.total > 0 ? exitCodes.warnings : exitCodes.ok
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

function reportText(report: RestoreReport): string {
  const { restored, metadata } = report
  const lines = [`${restored.files} files, ${restored.dirs} directories, ${restored.links} links restored; ${formatBytes(restored.bytes)}`]
  if (report.skipped > 0) lines.push(`${report.skipped} skipped: they exist already`)
  if (report.renamed > 0) lines.push(`${report.renamed} restored under another name: theirs was taken`)
  if (report.not_restorable > 0) lines.push(`${report.not_restorable} sockets are not restored: their programs make them`)
  if (!metadata.owners_restored) lines.push('owners are not restored: that needs root')
  for (const [what, text] of metadataNotes) if (metadata[what] > 0) lines.push(`${metadata[what]} entries without their ${text}`)
  if (report.conflicts.total > 0) lines.push(`${report.conflicts.total} left as they are, something else is in their way:`)
  if (report.failed.total > 0) lines.push(`${report.failed.total} failed`)
  if (report.damaged.total > 0) lines.push(`${report.damaged.total} damaged in the artifact and not restored`)
  for (const problem of problems(report)) lines.push(`  ${printableText(problem)}`)
  return lines.join('\n')
}

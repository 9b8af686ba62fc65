import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { blake3 } from '@napi-rs/blake-hash'
import type { Command } from 'commander'
import type { z } from 'zod'
import { type DataPath, planDataPath } from '../../core/data-path.ts'
import { BastionError } from '../../core/errors.ts'
import { jobIdSchema, uuidv7 } from '../../core/ids.ts'
import { mebibyte, pipelineSpecSchema } from '../../core/pipeline-spec.ts'
import type { RunEvent } from '../../core/run-event.ts'
import { readingOf, sourceSchema } from '../../core/source.ts'
import { backup, type BackupOutcome, placeFacts } from '../../engine/backup.ts'
import { artifactName } from '../../engine/list.ts'
import { setMemoryFor } from '../../engine/memory-for-target.ts'
import { runSnapshotsName } from '../../engine/snapshots/holder-directory.ts'
import { reapBeforeRun } from '../../engine/snapshots/reap-before-run.ts'
import { redactTarget } from '../../engine/targets/target-url.ts'
import { targetArgument } from '../arguments.ts'
import type { CliContext } from '../cli-context.ts'
import { dataDirectory } from '../data-directory.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { openKnownTargets } from '../known-targets.ts'
import { createProgressLine, formatBytes, formatDuration } from '../progress-line.ts'
import { snapshotServices } from '../snapshot-services.ts'
import { type SourceOptions, sourceOf } from '../source-options.ts'
import { systemClock } from '../system-clock.ts'
import { producer } from '../version.ts'
import { collect, type RunCommand } from './command.ts'

interface BackupOptions extends SourceOptions {
  to: string
  encryptTo: string[]
  format: string
  level: string
  partSize: string
  snapshotRoot: string[]
  limit?: string
  explain?: true
  jobId?: string
  jobName?: string
  newTarget?: true
  dataDir?: string
  json?: true
}

export function addBackupCommand(program: Command, run: RunCommand): void {
  program
    .command('backup')
    .description('back up files and directories as one artifact')
    .argument('<source...>', 'files and directories, or what --source-type says')
    .requiredOption('--to <target>', 'where to: a path, or a URL such as file:///backups')
    .option('--encrypt-to <recipient>', 'age recipient (age1…) that can open the backup; repeatable', collect, [])
    .option('--exclude <pattern>', 'leave out what matches, as in .gitignore; repeatable', collect, [])
    .option('--include <pattern>', 'take only what matches; repeatable', collect, [])
    .option('--format <format>', 'archive_v1 (tar, compressed) or raw_tree_v1 (files as they are)', 'archive_v1')
    .option('--level <n>', 'zstd level, 1 to 19', '3')
    .option('--part-size <mib>', 'size of a part in MiB, 1 to 256', '32')
    .option('--limit <mib>', 'write at most so many MiB a second')
    .option('--symlinks <policy>', 'keep, follow or skip', 'keep')
    .option('--hardlinks <policy>', 'keep or copy (default: keep, if names of one file can be opened without Bastion then)')
    .option('--error-policy <policy>', 'unreadable files: fail_fast, skip_fail or skip_ok', 'skip_ok')
    .option('--consistency <policy>', 'files that changed while read: warn, fail or ignore', 'warn')
    .option('--consistency-threshold <n>', 'with "fail": how many may change', '0')
    .option('--one-file-system', 'do not go into other mounts')
    .option('--sqlite-capture <mode>', 'SQLite databases: auto (as their application would read them) or off (as any file)', 'auto')
    .option('--source-type <type>', 'filesystem, sqlite (one database) or vaultwarden (the data directory of a server)', 'filesystem')
    .option('--no-integrity-check', 'sqlite, vaultwarden: do not have SQLite read all of the copy of the database')
    .option('--icon-cache', 'vaultwarden: take the icons of websites too')
    .option('--hook-before <command>', 'run before anything is read: the path of a program, or a JSON array of it and its arguments')
    .option('--hook-after <command>', 'run once all is read, also after a failure; as --hook-before')
    .option('--hook-timeout <seconds>', 'how long each may take', '60')
    .option('--snapshot <mode>', 'source snapshot: auto, off or required', 'auto')
    .option('--explain', 'say how the data would travel, and why, and do nothing')
    .option('--snapshot-provider <provider>', 'by this provider only (bastion doctor lists them)')
    .option('--snapshot-root <dir>', 'allow source snapshots of what is here; repeatable', collect, [])
    .option('--job-id <id>', 'the job these backups belong to (default: from host and sources)')
    .option('--job-name <name>', 'its name for people')
    .option('--new-target', 'accept that another target, or an empty one, is at a place used before')
    .option('--data-dir <dir>', 'where Bastion keeps its own data')
    .option('--json', 'events and the result as JSON lines')
    .action((sources: string[], options: BackupOptions, command: Command) => run((context) => backupCommand(sources, options, command, context)))
}

async function backupCommand(sources: string[], options: BackupOptions, command: Command, context: CliContext): Promise<ExitCode> {
  const paths = sources.map((source) => resolve(context.cwd, source))
  // Counting first is for people who watch.
  const source = checked(sourceSchema, sourceOf(paths, options, command, context.terminalColumns() !== null && options.json !== true))
  const pipeline = checked(pipelineSpecSchema, {
    format: options.format,
    level: Number(options.level),
    recipients: options.encryptTo,
    part_size_bytes: Number(options.partSize) * mebibyte,
    ...(options.limit === undefined ? {} : { bandwidth_limit: Math.round(Number(options.limit) * mebibyte) }),
  })
  const jobId = checked(jobIdSchema, options.jobId ?? defaultJobId(paths))
  const dataDir = dataDirectory(context, options.dataDir)
  const runId = uuidv7(systemClock.now(), randomBytes(10))
  const runDirectory = join(dataDir, 'runs', runId)
  const known = openKnownTargets(dataDir)
  const snapshots = snapshotServices(context, { dataDir, roots: options.snapshotRoot })
  await using target = await targetArgument(options.to, context, pipeline.bandwidth_limit)
  setMemoryFor(target)
  if (options.explain === true) return await explain(planDataPath(readingOf(source).tree, pipeline, placeFacts(target)), options, context)
  const expected = options.newTarget === true ? undefined : known.idOf(target.label)
  const startedMs = systemClock.now()

  makeRunDirectory(runDirectory)
  try {
    await reapBeforeRun(snapshots, (text) => context.note(`${printableText(text)}\n`))
    using line = createProgressLine(context)
    const outcome = await backup(
      {
        hubId: 'cli',
        nodeId: hostname(),
        jobId,
        jobName: options.jobName ?? jobId,
        runId,
        source,
        pipeline,
        ...(expected === undefined ? {} : { expectedTargetId: expected }),
      },
      {
        target,
        clock: systemClock,
        signal: context.signal,
        producer,
        runDirectory,
        ownDirectories: [dataDir],
        snapshots,
        // Whoever types them may run them.
        allowedHooks: 'any',
        emit: (event) => tell(event, options, context),
        onProgress: (progress) => line.show(progress),
      },
    )
    line[Symbol.dispose]()
    known.remember(target.label, outcome.targetId)
    const name = `${redactTarget(options.to).replace(/\/$/, '')}/${artifactName({ jobId, runId })}`
    if (options.json === true) {
      const { status, manifest, issues, summary } = outcome
      await context.out(
        `${JSON.stringify({ kind: 'result', artifact: artifactName({ jobId, runId }), status, grade: summary.grade, totals: manifest.totals, issues, summary })}\n`,
      )
    } else {
      await context.out(`${name}\n`)
      context.note(summaryText(outcome, systemClock.now() - startedMs))
    }
    return outcome.status === 'warning' ? exitCodes.warnings : exitCodes.ok
  } finally {
    removeRunDirectory(runDirectory)
  }
}

async function explain(dataPath: DataPath, options: BackupOptions, context: CliContext): Promise<ExitCode> {
  if (options.json === true) await context.out(`${JSON.stringify(dataPath)}\n`)
  else for (const { what, choice, why } of dataPath.decisions) await context.out(printableText(`${what}: ${choice} (${why})`) + '\n')
  return exitCodes.ok
}

/** A snapshot that could not be removed may stand in it: that one is the reaper's. */
function removeRunDirectory(path: string): void {
  if (existsSync(join(path, runSnapshotsName))) return
  rmSync(path, { recursive: true, force: true })
}

/** @throws invalid_spec */
function makeRunDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    throw new BastionError('invalid_spec', `the data directory cannot be used: ${path} could not be made (${reason})`, {
      cause: error,
      hint: 'Name another one with --data-dir, or in BASTION_DATA_DIR.',
    })
  }
}

function tell(event: RunEvent, options: BackupOptions, context: CliContext): void {
  // NDJSON is written in order; the pipe's own buffer takes what the reader has not.
  if (options.json === true) void context.out(`${JSON.stringify(event)}\n`)
  else if (event.level !== 'info' && event.kind !== 'source_consistency' && event.kind !== 'issues')
    context.note(`${event.kind}: ${printableText(event.message)}\n`)
}

function summaryText({ manifest, summary, source, issues }: BackupOutcome, durationMs: number): string {
  const { totals } = manifest
  const lines = [
    `${totals.files} files, ${totals.dirs} directories, ${totals.links} links; ${formatBytes(totals.source_bytes)} read, ${formatBytes(totals.stored_bytes)} stored in ${formatDuration(durationMs)}; grade ${summary.grade}`,
  ]
  const { consistency, sqlite } = source
  const changed = consistency.changed_total + consistency.replaced_total + consistency.deleted_total
  if (changed > 0) {
    lines.push(`${changed} files changed while they were read:`)
    for (const sample of consistency.sample.slice(0, 10)) lines.push(`  /${printableText(sample.path)} (${sample.reason})`)
  }
  if (sqlite !== undefined && sqlite.captured_total > 0) lines.push(`${sqlite.captured_total} SQLite databases captured`)
  if (sqlite !== undefined && sqlite.refused_total > 0) {
    lines.push(`${sqlite.refused_total} SQLite databases were taken as plain files:`)
    for (const { path, refused } of sqlite.sample.slice(0, 10)) if (refused !== undefined) lines.push(`  /${printableText(path)} (${refused})`)
  }
  if (issues.total > 0) {
    lines.push(`${issues.total} entries could not be read:`)
    for (const issue of issues.sample.slice(0, 10)) lines.push(`  /${printableText(issue.path)}: ${printableText(issue.message)}`)
  }
  return `${lines.join('\n')}\n`
}

function defaultJobId(paths: readonly string[]): string {
  return `cli-${blake3([hostname(), ...paths.toSorted()].join('\0'))
    .toString('hex')
    .slice(0, 16)}`
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new BastionError('invalid_spec', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`.replace(/^: /, ''))
}

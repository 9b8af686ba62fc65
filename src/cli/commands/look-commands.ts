import type { Command } from 'commander'
import { compilePathRules } from '../../core/path-rules.ts'
import { BastionError } from '../../core/errors.ts'
import type { FileVersion } from '../../core/file-version.ts'
import { versionStep } from '../../core/version-spans.ts'
import { diffArtifacts } from '../../engine/diff.ts'
import type { IndexedEntry } from '../../engine/formats/entries-index-reader.ts'
import { fileVersion } from '../../engine/file-version.ts'
import { plainEntry } from '../../engine/formats/index-entry.ts'
import { artifactName } from '../../engine/list.ts'
import { openArtifact } from '../../engine/open-artifact.ts'
import { readEntry } from '../../engine/read-entry.ts'
import { artifactArgument, entryPathArgument, listedArtifacts, readIdentities, targetArgument } from '../arguments.ts'
import { entryText, printable, printableText, timeText } from '../entry-text.ts'
import { exitCodes } from '../exit-code.ts'
import { formatBytes } from '../progress-line.ts'
import type { RunCommand } from './command.ts'

interface LookOptions {
  identity?: string
  json?: true
}

const identityOption = ['--identity <file>', 'age identity file, for encrypted artifacts'] as const
const jsonOption = ['--json', 'as JSON lines'] as const
const artifactText = 'TARGET/JOB/RUN, or TARGET/JOB@latest'

/** They change nothing anywhere. */
export const lookCommandNames: ReadonlySet<string> = new Set(['list', 'ls', 'cat', 'find', 'history', 'diff'])

/** The commands that only look. */
export function addLookCommands(program: Command, run: RunCommand): void {
  program
    .command('list')
    .description('list the artifacts of a target')
    .argument('<target>', 'a path or a URL')
    .option('--job <id>', 'of this job only')
    .option(...jsonOption)
    .action((name: string, options: LookOptions & { job?: string }) =>
      run(async (context) => {
        await using target = await targetArgument(name, context)
        for await (const artifact of listedArtifacts(target, options, context)) {
          const { jobId, runId, completed_at, status } = artifact
          if (options.json === true) {
            await context.out(
              `${JSON.stringify({ job_id: jobId, run_id: runId, completed_at, status, ...(status === 'present' ? { manifest: artifact.manifest } : { message: artifact.message }) })}\n`,
            )
          } else if (status === 'present') {
            const { totals, consistency, pipeline } = artifact.manifest
            const lock = pipeline.encryption === 'none' ? '' : ', encrypted'
            await context.out(
              `${artifactName(artifact)}  ${new Date(completed_at).toISOString()}  ${totals.files} files, ${formatBytes(totals.source_bytes)}, ${formatBytes(totals.stored_bytes)} stored, ${consistency.grade}${lock}\n`,
            )
          } else {
            await context.out(`${artifactName(artifact)}  DAMAGED: ${printableText(artifact.message)}\n`)
          }
        }
        return exitCodes.ok
      }),
    )

  program
    .command('ls')
    .description('list a directory of an artifact')
    .argument('<artifact>', artifactText)
    .argument('[path]', 'a directory in it', '/')
    .option('-r, --recursive', 'everything below')
    .option(...identityOption)
    .option(...jsonOption)
    .action((name: string, path: string, options: LookOptions & { recursive?: true }) =>
      run(async (context) => {
        await using opened = await artifactArgument(name, options, context)
        const index = await opened.artifact.index()
        const directory = entryPathArgument(path)
        let shown = 0
        const show = async (entry: IndexedEntry) => {
          context.signal.throwIfAborted()
          shown += 1
          await context.out(`${options.json === true ? JSON.stringify(plainEntry(entry)) : entryText(entry)}\n`)
        }
        const own = directory === '' ? null : await index.find(directory)
        if (own !== null && own.kind !== 'dir') await show(own)
        else if (options.recursive === true) {
          for await (const entries of index.scan({ below: directory, signal: context.signal })) for (const entry of entries) await show(entry)
        } else {
          for await (const entry of index.children(directory)) await show(entry)
        }
        if (shown === 0 && own === null) throw new BastionError('entry_not_found', `the artifact holds nothing below /${printable(directory)}`)
        return exitCodes.ok
      }),
    )

  program
    .command('cat')
    .description('write one file of an artifact to stdout')
    .argument('<artifact>', artifactText)
    .argument('<path>', 'a file in it')
    .option(...identityOption)
    .action((name: string, path: string, options: LookOptions) =>
      run(async (context) => {
        await using opened = await artifactArgument(name, options, context)
        await readEntry(opened.artifact, entryPathArgument(path), { signal: context.signal, take: (bytes) => context.out(bytes) })
        return exitCodes.ok
      }),
    )

  program
    .command('find')
    .description('find entries in all artifacts of a target')
    .argument('<target>', 'a path or a URL')
    .argument('<glob>', 'as in excludes: *.jpg, /srv/app/**')
    .option('--job <id>', 'of this job only')
    .option(...identityOption)
    .option(...jsonOption)
    .action((name: string, glob: string, options: LookOptions & { job?: string }) =>
      run(async (context) => {
        const rules = compilePathRules({ include: [], exclude: [glob], roots: ['/'] })
        const identities = readIdentities(options.identity, context)
        await using target = await targetArgument(name, context)
        let warned = false
        for await (const listed of listedArtifacts(target, options, context)) {
          try {
            const artifact = await openArtifact(target, listed, { identities, signal: context.signal })
            const index = await artifact.index()
            for await (const entries of index.scan({ signal: context.signal })) {
              for (const entry of entries) {
                if (rules.decide(`/${entry.path}`, entry.kind === 'dir') !== 'skip') continue
                await context.out(
                  options.json === true
                    ? `${JSON.stringify({ artifact: artifactName(listed), ...plainEntry(entry) })}\n`
                    : `${artifactName(listed)}  ${entryText(entry)}\n`,
                )
              }
            }
          } catch (error) {
            if (!(error instanceof BastionError) || error.code === 'canceled') throw error
            // The other artifacts can still have it; the exit code says that not all were searched.
            warned = true
            context.note(`${artifactName(listed)} was not searched: ${printableText(error.message)}\n`)
          }
        }
        return warned ? exitCodes.warnings : exitCodes.ok
      }),
    )

  program
    .command('history')
    .description('show the versions of a file in all artifacts of a target, the oldest of each job first')
    .argument('<target>', 'a path or a URL')
    .argument('<path>', 'a file')
    .option('--job <id>', 'of this job only')
    .option(...identityOption)
    .option(...jsonOption)
    .action((name: string, path: string, options: LookOptions & { job?: string }) =>
      run(async (context) => {
        const wanted = entryPathArgument(path)
        const identities = readIdentities(options.identity, context)
        await using target = await targetArgument(name, context)
        let before: { jobId: string; version: FileVersion } | null = null
        let isThere = false
        let warned = false
        for await (const { jobId, runId, completed_at } of listedArtifacts(target, options, context)) {
          const artifact = artifactName({ jobId, runId })
          const version = await fileVersion(target, { jobId, runId }, wanted, { identities, signal: context.signal })
          const older: FileVersion = before?.jobId === jobId ? before.version : { state: 'absent' }
          isThere ||= version.state === 'file'
          if (options.json === true) await context.out(`${JSON.stringify({ artifact, completed_at, ...version })}\n`)
          else await context.out(`${versionSign(version, older)} ${artifact}  ${new Date(completed_at).toISOString()}  ${versionText(version)}\n`)
          if (version.state === 'unreadable') {
            warned = true
            context.note(`${artifact} was not searched: ${printableText(version.error.message)}\n`)
          }
          before = { jobId, version }
        }
        if (!isThere && !warned) throw new BastionError('entry_not_found', `no artifact holds a file /${printable(wanted)}`)
        return warned ? exitCodes.warnings : exitCodes.ok
      }),
    )

  program
    .command('diff')
    .description('show what differs from one artifact to another')
    .argument('<before>', artifactText)
    .argument('<after>', artifactText)
    .option(...identityOption)
    .option(...jsonOption)
    .action((before: string, after: string, options: LookOptions) =>
      run(async (context) => {
        await using a = await artifactArgument(before, options, context)
        await using b = await artifactArgument(after, options, context)
        const signs = { added: '+', removed: '-', changed: '~' }
        for await (const difference of diffArtifacts(a.artifact, b.artifact)) {
          context.signal.throwIfAborted()
          const { kind, entry } = difference
          const what = kind === 'changed' ? difference.what : []
          if (options.json === true) {
            await context.out(
              `${JSON.stringify({ kind, path: entry.path, ...(kind === 'changed' ? { what, before: plainEntry(difference.before) } : {}), entry: plainEntry(entry) })}\n`,
            )
          } else {
            await context.out(`${signs[kind]} /${printable(entry.bytes)}${what.length === 0 ? '' : ` (${what.join(', ')})`}\n`)
          }
        }
        return exitCodes.ok
      }),
    )
}

/** `+` it came, `~` it changed, `=` it is the same, `?` that cannot be told, `-` it is no file there */
function versionSign(version: FileVersion, older: FileVersion): string {
  if (version.state === 'unreadable') return '?'
  return version.state === 'file' ? { appeared: '+', changed: '~', same: '=', unknown: '?' }[versionStep(version, older)] : '-'
}

function versionText(version: FileVersion): string {
  if (version.state === 'file') return `${formatBytes(version.size)}, written ${timeText(version.mtime_ns)}`
  if (version.state === 'other') return `a ${version.kind}, no file`
  return version.state === 'absent' ? 'not in it' : 'not to be read'
}

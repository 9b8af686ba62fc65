import { resolve } from 'node:path'
import { targetIdentityKey } from '../core/artifact.ts'
import { BastionError } from '../core/errors.ts'
import { jobIdSchema } from '../core/ids.ts'
import { readAgeIdentities } from '../engine/crypto/age-header.ts'
import { latestArtifact, listArtifacts, type ListedArtifact } from '../engine/list.ts'
import type { Artifact, ArtifactRef } from '../engine/open-artifact.ts'
import { openArtifact } from '../engine/open-artifact.ts'
import { openWorkingTarget } from '../engine/targets/open-working-target.ts'
import { parseTarget } from '../engine/targets/target-url.ts'
import type { Target } from '../engine/targets/target.ts'
import { type BytePath, toBytePath } from '../lib/byte-path.ts'
import { parseArtifact, splitLast } from './artifact-text.ts'
import type { CliContext } from './cli-context.ts'
import { printableText } from './entry-text.ts'
import { readNamedFile } from './read-named-file.ts'
import { systemClock } from './system-clock.ts'

/**
 * A target of the command line, open until the end of the command. What passes by itself is tried again.
 * @param putBytesPerSecond how fast it is written to at most
 */
export function targetArgument(text: string, context: CliContext, putBytesPerSecond?: number): Promise<Target & AsyncDisposable> {
  return openWorkingTarget(parseTarget(text, context.cwd, context.env), {
    clock: systemClock,
    putBytesPerSecond,
    note: (sentence) => context.note(`${printableText(sentence)}\n`),
  })
}

/**
 * Opens `TARGET/<job_id>/<run_id>`, `TARGET/<job_id>@latest` or `TARGET@latest`.
 * @throws invalid_spec · artifact_not_found · what opening throws
 */
export async function artifactArgument(
  text: string,
  options: { identity?: string | undefined },
  context: CliContext,
): Promise<{ artifact: Artifact; target: Target } & AsyncDisposable> {
  const identities = readIdentities(options.identity, context)
  const named = parseArtifact(text)
  const { target, ref } =
    'latestOf' in named ? await openLatest(named, context) : { target: await targetArgument(named.targetText, context), ref: named.ref }
  try {
    const artifact = await openArtifact(target, ref, { identities, signal: context.signal })
    return { artifact, target, [Symbol.asyncDispose]: () => target.close() }
  } catch (error) {
    await target.close()
    throw error
  }
}

/**
 * The last name before `@latest` is a job of a target, or the target itself when its identity stands there: no directory of a job has one.
 * @throws artifact_not_found · invalid_spec when the target holds several jobs and none is named
 */
async function openLatest(
  { latestOf, query }: { latestOf: string; query: string },
  context: CliContext,
): Promise<{ target: Target; ref: ArtifactRef }> {
  const { parent, name } = splitLast(latestOf)
  // The first name of a URL is a host or a bucket, which is no job.
  const isNoJob = /^[a-z][a-z0-9+.-]*:\/$/i.test(parent) || !jobIdSchema.safeParse(name).success
  const isTarget = isNoJob || (await holdsIdentity(latestOf + query, context))
  const target = await targetArgument((isTarget ? latestOf : parent) + query, context)
  try {
    return { target, ref: await findLatest(target, isTarget ? null : name, context.signal) }
  } catch (error) {
    await target.close()
    throw error
  }
}

async function holdsIdentity(text: string, context: CliContext): Promise<boolean> {
  await using target = await targetArgument(text, context)
  return (await target.stat(targetIdentityKey)) !== null
}

async function findLatest(target: Target, jobId: string | null, signal: AbortSignal): Promise<ArtifactRef> {
  const jobs = new Set(jobId === null ? [] : [jobId])
  if (jobId === null) for await (const artifact of listArtifacts(target, { signal })) jobs.add(artifact.jobId)
  const [only, ...others] = jobs
  if (others.length > 0) {
    throw new BastionError('invalid_spec', `${target.label} holds artifacts of several jobs: ${[...jobs].join(', ')}`, {
      hint: 'Say which: TARGET/JOB@latest.',
    })
  }
  const latest = only === undefined ? null : await latestArtifact(target, only, signal)
  if (latest === null)
    throw new BastionError('artifact_not_found', `${target.label} holds no complete artifact${jobId === null ? '' : ` of a job ${jobId}`}`)
  return latest
}

/** The artifacts of a target for a command that shows them. @throws invalid_spec · artifact_not_found where neither one nor a target is */
export async function* listedArtifacts(target: Target, options: { job?: string | undefined }, context: CliContext): AsyncGenerator<ListedArtifact> {
  const { job } = options
  if (job !== undefined && !jobIdSchema.safeParse(job).success) throw new BastionError('invalid_spec', `--job: ${job} is no job id`)
  let found = false
  for await (const artifact of listArtifacts(target, { signal: context.signal, ...(job === undefined ? {} : { jobId: job }) })) {
    found = true
    yield artifact
  }
  // An empty answer to a path with a slip in it, or to a disk that is not mounted, would read as "no backups".
  if (found || (await target.stat(targetIdentityKey)) !== null) return
  throw new BastionError('artifact_not_found', `${target.label} is no target: it holds no artifacts and no ${targetIdentityKey}`, {
    hint: 'Check the path, and that its disk is mounted.',
  })
}

/** Age identities: a file given by option or in BASTION_IDENTITY, or the identity itself there. @throws invalid_spec */
export function readIdentities(file: string | undefined, context: CliContext): string[] {
  const given = file ?? context.env['BASTION_IDENTITY'] ?? ''
  if (given === '') return []
  return readAgeIdentities(file === undefined && given.startsWith('AGE-SECRET-KEY-') ? given : readIdentityFile(resolve(context.cwd, given)))
}

function readIdentityFile(path: string): string {
  return readNamedFile(path, `the identity file ${path}`)
}

/** A path inside an artifact, with or without its leading slash; `\xNN` stands for a byte that is no UTF-8. */
export function entryPathArgument(text: string): BytePath {
  const bytes = toBytePath(text).replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return bytes.replace(/^\/+/, '').replace(/\/+$/, '')
}

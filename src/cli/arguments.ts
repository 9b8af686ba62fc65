import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BastionError } from '../core/errors.ts'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { readAgeIdentities } from '../engine/crypto/age-header.ts'
import { latestArtifact, listArtifacts } from '../engine/list.ts'
import type { Artifact, ArtifactRef } from '../engine/open-artifact.ts'
import { openArtifact } from '../engine/open-artifact.ts'
import { createRetryingTarget } from '../engine/targets/retrying-target.ts'
import { openTarget } from '../engine/targets/registry.ts'
import { parseTarget } from '../engine/targets/target-url.ts'
import { sleep } from '../engine/targets/sleep.ts'
import type { Target } from '../engine/targets/target.ts'
import { createThrottledTarget } from '../engine/targets/throttled-target.ts'
import { createTokenBucket } from '../engine/targets/token-bucket.ts'
import { type BytePath, toBytePath } from '../lib/byte-path.ts'
import type { CliContext } from './cli-context.ts'
import { systemClock } from './system-clock.ts'

/**
 * A target of the command line, open until the end of the command. What passes by itself is tried again.
 * @param putBytesPerSecond how fast it is written to at most
 */
export async function targetArgument(text: string, context: CliContext, putBytesPerSecond?: number): Promise<Target & AsyncDisposable> {
  const inner = await openTarget(parseTarget(text, context.cwd), { clock: systemClock })
  const put = putBytesPerSecond === undefined ? undefined : createTokenBucket({ bytesPerSecond: putBytesPerSecond, clock: systemClock, sleep })
  const target = createRetryingTarget(put === undefined ? inner : createThrottledTarget(inner, { put }), {
    clock: systemClock,
    sleep,
    random: Math.random,
    onRetry: ({ doing, error, delayMs }) => context.note(`${error.message} Trying to ${doing} again in ${Math.ceil(delayMs / 1000)} s.\n`),
  })
  return Object.assign(target, { [Symbol.asyncDispose]: () => target.close() })
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
  const { targetText, jobId, runId } = splitArtifact(text)
  const target = await targetArgument(targetText, context)
  try {
    const ref = runId === null ? await findLatest(target, jobId, context.signal) : { jobId: jobId!, runId }
    const artifact = await openArtifact(target, ref, { identities, signal: context.signal })
    return { artifact, target, [Symbol.asyncDispose]: () => target.close() }
  } catch (error) {
    await target.close()
    throw error
  }
}

function splitArtifact(text: string): { targetText: string; jobId: string | null; runId: string | null } {
  const latest = /^(.*?)\/?@latest$/s.exec(text)
  if (latest !== null) {
    // The last segment may be a job or still part of the target: `findLatest` looks.
    const path = latest[1] === '' ? '/' : latest[1]!
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    return jobIdSchema.safeParse(name).success && slash >= 0
      ? { targetText: path, jobId: name, runId: null }
      : { targetText: path, jobId: null, runId: null }
  }
  const match = /^(.*)\/([^/]+)\/([^/]+)\/?$/s.exec(text)
  if (match === null || !jobIdSchema.safeParse(match[2]).success || !runIdSchema.safeParse(match[3]).success) {
    throw new BastionError('invalid_spec', `"${text}" names no artifact`, {
      hint: 'An artifact is TARGET/JOB/RUN as "bastion list TARGET" prints it, or TARGET/JOB@latest.',
    })
  }
  return { targetText: match[1] === '' ? '/' : match[1]!, jobId: match[2]!, runId: match[3]! }
}

async function findLatest(target: Target, jobId: string | null, signal: AbortSignal): Promise<ArtifactRef> {
  const jobs = new Set<string>()
  for await (const artifact of listArtifacts(target, { signal })) jobs.add(artifact.jobId)
  const [only, ...others] = [...jobs].filter((job) => jobId === null || job === jobId)
  if (others.length > 0) {
    throw new BastionError('invalid_spec', `${target.label} holds artifacts of several jobs: ${[...jobs].join(', ')}`, {
      hint: 'Say which: TARGET/JOB@latest.',
    })
  }
  const latest = only === undefined ? null : await latestArtifact(target, only, signal)
  if (latest === null)
    throw new BastionError('artifact_not_found', `${target.label} holds no complete artifact${jobId === null ? '' : ` of job ${jobId}`}`)
  return latest
}

/** Age identities: a file given by option or in BASTION_IDENTITY, or the identity itself there. @throws invalid_spec */
export function readIdentities(file: string | undefined, context: CliContext): string[] {
  const given = file ?? context.env['BASTION_IDENTITY'] ?? ''
  if (given === '') return []
  return readAgeIdentities(file === undefined && given.startsWith('AGE-SECRET-KEY-') ? given : readIdentityFile(resolve(context.cwd, given)))
}

function readIdentityFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new BastionError('invalid_spec', `the identity file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, {
      cause: error,
    })
  }
}

/** A path inside an artifact, with or without its leading slash; `\xNN` stands for a byte that is no UTF-8. */
export function entryPathArgument(text: string): BytePath {
  const bytes = toBytePath(text).replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return bytes.replace(/^\/+/, '').replace(/\/+$/, '')
}

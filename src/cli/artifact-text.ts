import { BastionError } from '../core/errors.ts'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import type { ArtifactRef } from '../engine/open-artifact.ts'
import { redactTarget } from '../engine/targets/target-url.ts'

/** Of one job: `TARGET/<job_id>/<run_id>`; the latest of a job or of a target: `TARGET/<job_id>@latest`, `TARGET@latest`. */
export type ArtifactText = { targetText: string; ref: ArtifactRef } | { latestOf: string; query: string }

/** @throws invalid_spec */
export function parseArtifact(text: string): ArtifactText {
  const { path, query } = separateQuery(text)
  const [, latest, slashes] = /^(.*?)(\/*)@latest$/s.exec(path) ?? []
  if (latest !== undefined) return { latestOf: slashes === '' ? latest : rooted(latest), query }
  const { parent: jobText, name: runId } = splitLast(path.replace(/\/$/, ''))
  const { parent: targetText, name: jobId } = splitLast(jobText)
  if (!jobIdSchema.safeParse(jobId).success || !runIdSchema.safeParse(runId).success) {
    throw new BastionError('invalid_spec', `"${redactTarget(text)}" names no artifact`, {
      hint: 'An artifact is TARGET/JOB/RUN, where JOB/RUN is what "bastion list TARGET" prints, or TARGET/JOB@latest.',
    })
  }
  return { targetText: targetText + query, ref: { jobId, runId } }
}

/**
 * The query of a bucket's or a server's URL stands between TARGET and JOB/RUN (`s3://bucket/prefix?endpoint=…/JOB/RUN`, as the two are put together) or at
 * the end, as in any URL. Here it is taken out, to be put behind whatever turns out to be the target.
 */
function separateQuery(text: string): { path: string; query: string } {
  const [, path, scheme, query] = /^((s3|sftp):\/\/[^?]*)(\?.*)$/is.exec(text) ?? []
  if (path === undefined || scheme === undefined || query === undefined) return { path: text, query: '' }
  const tail = scheme.toLowerCase() === 's3' ? behindS3Query(query) : behindSftpQuery(query)
  return { path: path.replace(/\/+$/, '') + tail, query: query.slice(0, query.length - tail.length) }
}

/** An endpoint's own path ends where these begin. */
function behindS3Query(query: string): string {
  return /\/[^/]*\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/?$|(?:(?<=:\/\/[^/]*)\/[^/]*)?@latest$/.exec(query)?.[0] ?? ''
}

/** A fingerprint may hold slashes of its own. */
function behindSftpQuery(query: string): string {
  return /^(?:SHA256:[A-Za-z0-9+/]{43}|[^/@])*(.*)$/s.exec(query)![1]!
}

/** A path's last name and what is before it: the folder where the person stands when nothing is. */
export function splitLast(path: string): { parent: string; name: string } {
  const slash = path.lastIndexOf('/')
  return { parent: slash < 0 ? '.' : rooted(path.slice(0, slash)), name: path.slice(slash + 1) }
}

/** What is left when the names behind it are gone: of the root, and of a server's, only the slash says which folder is meant. */
function rooted(path: string): string {
  return /^(?:sftp:\/\/[^/]+)?$/i.test(path) ? `${path}/` : path
}

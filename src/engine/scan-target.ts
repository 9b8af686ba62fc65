import { objectNames, targetIdentityKey } from '../core/artifact.ts'
import type { Clock } from '../core/clock.ts'
import type { IndexHeader } from '../core/entry.ts'
import { BastionError, hasCode } from '../core/errors.ts'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import type { Manifest } from '../core/manifest.ts'
import { artifactName } from './list.ts'
import { type Artifact, type ArtifactRef, openArtifact, readRunMarker } from './open-artifact.ts'
import { lastSignOf } from './remove-incomplete.ts'
import { readRunDirectory } from './run-directory.ts'
import { proveIdentity } from './targets/target-identity.ts'
import type { Target } from './targets/target.ts'

/** What a target holds at one place, in the order of job ids and, within a job, of run ids. */
export type ScannedPlace =
  | (ArtifactRef & { state: 'complete'; manifest: Manifest; manifestHash: string; completedAt: number; header?: IndexHeader })
  /** its marker stands, but the chain behind it is broken. `hubId`: `null` where nothing tells it any more */
  | (ArtifactRef & { state: 'damaged'; why: string; hubId: string | null })
  /** without a marker. `hubId` and `nodeId`: `null` of a directory in which no object is */
  | (ArtifactRef & { state: 'incomplete'; hubId: string | null; nodeId: string | null; lastSignAt: number; objects: number; bytes: number })
  /** neither a run's nor a job's */
  | { state: 'foreign'; path: string; why: string }

export interface ScanPage {
  targetId: string
  found: ScannedPlace[]
  /** where the next page begins, for `after`; `null` at the end */
  next: string | null
}

export interface ScanOptions {
  expectedTargetId?: string | undefined
  after?: string | undefined
  /** so many places are looked at */
  limit: number
  /** `incomplete`: artifacts are passed over, by one look at their marker each */
  only?: 'incomplete' | undefined
  /** age identities, to read what encrypted artifacts say of their job */
  identities: readonly string[]
  clock: Clock
  signal: AbortSignal
}

/** Places looked at together: on a target far away most of the time is waiting. */
const placesAtOnce = 16
/** Artifacts of a job whose index is tried for what it says of the job. */
const headersTried = 3
const namesShown = 5

/**
 * Looks through a target, a page at a time, reading manifests and nothing of the payload. The newest whole artifact of each job in a page comes with the header of its index, where
 * that can be opened.
 * @throws target_identity · invalid_spec when `after` is none of ours · the target's errors · canceled
 */
export async function scanTarget(target: Target, options: ScanOptions): Promise<ScanPage> {
  const { limit, signal } = options
  const { target_id: targetId } = await proveIdentity(target, options.expectedTargetId, signal)
  const places: Place[] = []
  for await (const place of placesAfter(target, options.after, signal)) {
    places.push(place)
    if (places.length > limit) break
  }
  const page = places.slice(0, limit)
  const found: ScannedPlace[] = []
  const newest = new Map<string, OpenedPlace[]>()
  for (let at = 0; at < page.length; at += placesAtOnce) {
    signal.throwIfAborted()
    const described = await Promise.all(page.slice(at, at + placesAtOnce).map((place) => describe(target, place, options)))
    for (const one of described) {
      if (one === null) continue
      if (!('artifact' in one)) {
        found.push(one)
        continue
      }
      const { artifact, ...plain } = one
      found.push(plain)
      newest.set(plain.jobId, [{ artifact, plain }, ...(newest.get(plain.jobId) ?? [])].slice(0, headersTried))
    }
  }
  for (const candidates of newest.values()) await addHeader(candidates)
  return { targetId, found, next: places.length > limit ? cursorOf(page.at(-1)!) : null }
}

type Complete = Extract<ScannedPlace, { state: 'complete' }>
interface OpenedPlace {
  artifact: Artifact
  plain: Complete
}
type Place = { ref: ArtifactRef } | { foreign: Extract<ScannedPlace, { state: 'foreign' }> }

/** Of a job what is no run comes first, all together; what stands at the root and is no job comes before all else. */
async function* placesAfter(target: Target, after: string | undefined, signal: AbortSignal): AsyncGenerator<Place> {
  const [afterJob = '', afterRun = ''] = after === undefined ? [] : readCursor(after)
  const { matching: jobIds, others } = await namesBelow(target, '', (name) => jobIdSchema.safeParse(name).success, signal)
  if (after === undefined && others.length > 0) yield foreignPlace('', 'no jobs', others)
  for (const jobId of jobIds.filter((id) => id >= afterJob)) {
    const names = await namesBelow(target, jobId, (name) => runIdSchema.safeParse(name).success, signal)
    if (jobId > afterJob && names.others.length > 0) yield foreignPlace(jobId, 'no runs', names.others)
    for (const runId of names.matching) if (jobId > afterJob || runId > afterRun) yield { ref: { jobId, runId } }
  }
}

function foreignPlace(path: string, what: string, names: readonly string[]): Place {
  const shown = names.slice(0, namesShown).map((name) => JSON.stringify(name))
  const more = names.length > shown.length ? `, and ${names.length - shown.length} more` : ''
  return { foreign: { state: 'foreign', path, why: `holds what are ${what}: ${shown.join(', ')}${more}` } }
}

/** Directories by name, in order; `others` are all that are none of these. */
async function namesBelow(
  target: Target,
  prefix: string,
  matches: (name: string) => boolean,
  signal: AbortSignal,
): Promise<{ matching: string[]; others: string[] }> {
  const matching: string[] = []
  const others: string[] = []
  for await (const { key, kind } of target.list(prefix, { signal })) {
    if (key === targetIdentityKey) continue
    const name = key.slice(prefix === '' ? 0 : prefix.length + 1)
    if (kind === 'directory' && matches(name)) matching.push(name)
    // Files beside jobs are nobody's business.
    else if (kind === 'directory' || prefix !== '') others.push(name)
  }
  return { matching: matching.toSorted(), others: others.toSorted() }
}

/** `null` when it went away meanwhile, or is not asked for. */
async function describe(
  target: Target,
  place: Place,
  { only, identities, clock, signal }: ScanOptions,
): Promise<ScannedPlace | (Complete & { artifact: Artifact }) | null> {
  if ('foreign' in place) return place.foreign
  const { ref } = place
  try {
    if (only === 'incomplete' && (await target.stat(`${artifactName(ref)}/${objectNames.complete}`)) !== null) return null
    const artifact = await openArtifact(target, ref, { identities, signal })
    const { manifest, manifestHash, complete } = artifact
    return { ...ref, state: 'complete', manifest, manifestHash, completedAt: complete.completed_at, artifact }
  } catch (error) {
    if (hasCode(error, 'artifact_damaged', 'unsupported'))
      return { ...ref, state: 'damaged', why: error.message, hubId: await hubOf(target, ref, signal) }
    if (!hasCode(error, 'artifact_not_found')) throw error
  }
  const found = await readRunDirectory(target, ref, { nowMs: clock.now(), signal })
  switch (found.state) {
    case 'absent':
      return null
    case 'foreign':
      return { state: 'foreign', path: artifactName(ref), why: found.why }
    case 'empty':
      return { ...ref, state: 'incomplete', hubId: null, nodeId: null, lastSignAt: lastSignOf(ref, found), objects: 0, bytes: 0 }
    case 'run': {
      const { marker, facts } = found
      return {
        ...ref,
        state: 'incomplete',
        hubId: marker.hub_id,
        nodeId: marker.node_id,
        lastSignAt: lastSignOf(ref, found),
        objects: facts.objects,
        bytes: facts.bytes,
      }
    }
  }
}

async function hubOf(target: Target, ref: ArtifactRef, signal: AbortSignal): Promise<string | null> {
  try {
    return (await readRunMarker(target, ref, signal)).hub_id
  } catch (error) {
    if (hasCode(error, 'artifact_damaged')) return null
    throw error
  }
}

/** Of the newest that tells it. */
async function addHeader(candidates: readonly OpenedPlace[]): Promise<void> {
  for (const { artifact, plain } of candidates) {
    try {
      plain.header = (await artifact.index()).header
      return
    } catch (error) {
      if (!hasCode(error, 'artifact_damaged', 'encryption_key_missing', 'unsupported', 'target_not_found')) throw error
    }
  }
}

function cursorOf(place: Place): string {
  return 'ref' in place ? artifactName(place.ref) : `${place.foreign.path}/`
}

/** @throws invalid_spec */
function readCursor(after: string): [job: string, run: string] {
  const [job = '', run, ...rest] = after.split('/')
  if (run === undefined || rest.length > 0) throw new BastionError('invalid_spec', `"${after}" is no place of a scan`)
  return [job, run]
}

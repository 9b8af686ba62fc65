import { Blake3Hasher } from '@napi-rs/blake-hash'
import { z } from 'zod'
import {
  type CompleteMarker,
  completeMarkerSchema,
  formatVersion,
  objectNames,
  partName,
  type RunMarker,
  runMarkerSchema,
  runPrefix,
} from '../core/artifact.ts'
import { checkShape } from '../core/check-shape.ts'
import { BastionError, hasCode } from '../core/errors.ts'
import { type Manifest, manifestSchema } from '../core/manifest.ts'
import { parseBoundedJson } from '../lib/bounded-json.ts'
import { type AgeRangeReader, openAgeRange } from './crypto/age-range-reader.ts'
import { decodeSeekTable, type SeekTable, seekTableFooterBytes, seekTableSize } from './formats/archive-v1/seek-table.ts'
import { findFrames } from './formats/archive-v1/find-frames.ts'
import { askObject } from './formats/ask-object.ts'
import { type EntriesIndex, openEntriesIndex } from './formats/entries-index-reader.ts'
import { createObjectReader } from './formats/object-reader.ts'
import type { RangeReader } from './formats/range-reader.ts'
import type { Target } from './targets/target.ts'

export interface ArtifactRef {
  jobId: string
  runId: string
}

/** A complete artifact, open to be read. Parts of it are fetched only when they are needed. */
export interface Artifact {
  readonly target: Target
  readonly prefix: string
  readonly manifest: Manifest
  readonly complete: CompleteMarker
  readonly manifestHash: string
  /** The payload's parts as stored, one after the other. */
  readonly stored: RangeReader
  index(): Promise<EntriesIndex>
  /** The zstd stream of the payload, and where its frames are; a raw tree has none. */
  payload(): Promise<OpenPayload>
  /** As `payload`; where the table of frames is lost, those are looked for from the beginning on. For what is whole of a damaged artifact. */
  salvagedPayload(): Promise<OpenPayload>
}

export interface OpenPayload {
  reader: RangeReader
  /** the same when it is encrypted, with what it takes to decrypt it elsewhere */
  sealed: AgeRangeReader | null
  table: SeekTable
}

/** A manifest has some 150 bytes for each part: this is one of 450 000. */
const maxManifestBytes = 64 * 1024 * 1024
/** A marker has some hundred bytes. */
const maxMarkerBytes = 64 * 1024
/** Values a manifest may have whatever its size, and one more for so many bytes of it: each part is 5 of them in 150 bytes. */
const freeValues = 1_000_000
const bytesPerValue = 20
/** What is fetched of the end of a payload at first: the table of a 32 GiB archive. */
const tailBytes = 64 * 1024

/**
 * Opens an artifact and walks the first links of its chain: marker → manifest → ids.
 * @param options.identities age identities, for encrypted artifacts
 * @throws artifact_not_found without a marker · artifact_damaged · unsupported · encryption_key_missing (when index or payload are opened)
 */
export async function openArtifact(
  target: Target,
  ref: ArtifactRef,
  options: { identities: readonly string[]; signal: AbortSignal; expectedManifestHash?: string },
): Promise<Artifact> {
  const { signal } = options
  const prefix = runPrefix(ref.jobId, ref.runId)
  const complete = await readComplete(target, ref, signal)
  const manifestBytes = await readSmall(target, `${prefix}/${objectNames.manifest}`, maxManifestBytes, signal)
  const manifestHash = new Blake3Hasher().update(manifestBytes).digest('hex')
  if (manifestHash !== complete.manifest_hash) throw damaged(objectNames.manifest, 'does not have the hash the complete marker gives')
  if (options.expectedManifestHash !== undefined && manifestHash !== options.expectedManifestHash) {
    throw damaged(objectNames.manifest, 'is not the one that was stored')
  }
  const manifest = parseManifest(manifestBytes)
  if (complete.run_id !== ref.runId || manifest.run_id !== ref.runId || manifest.job_id !== ref.jobId) {
    throw damaged(objectNames.manifest, 'belongs to another run than its directory')
  }
  const run = await readRunMarker(target, ref, signal)
  if (run.run_id !== ref.runId || run.job_id !== ref.jobId) throw damaged(objectNames.run, 'belongs to another run than its directory')

  const encrypted = manifest.pipeline.encryption === 'age_x25519'
  const stored = createObjectReader(
    target,
    manifest.artifacts.map((part) => ({ key: `${prefix}/${part.name}`, size: part.size })),
  )
  const clearPayload = once(async () => {
    const sealed = encrypted ? await openAgeRange(stored, options.identities) : null
    return { reader: sealed ?? stored, sealed }
  })
  const payload = once(async () => {
    const clear = await clearPayload()
    return { ...clear, table: await readSeekTable(clear.reader, signal) }
  })
  return {
    target,
    prefix,
    manifest,
    complete,
    manifestHash,
    stored,
    index: once(async () => {
      const { name, size, count } = manifest.entry_index
      const { source_bytes, hole_bytes = 0 } = manifest.totals
      const limits = { count, contentBytes: source_bytes, holeBytes: hole_bytes }
      const object = createObjectReader(target, [{ key: `${prefix}/${name}`, size }])
      return openEntriesIndex(encrypted ? await openAgeRange(object, options.identities) : object, limits)
    }),
    payload,
    async salvagedPayload() {
      try {
        return await payload()
      } catch (error) {
        if (!hasCode(error, 'artifact_damaged')) throw error
        const clear = await clearPayload()
        return { ...clear, table: await findFrames(clear.reader, signal) }
      }
    },
  }
}

/** The complete marker of a run. @throws artifact_not_found without one · artifact_damaged */
export async function readComplete(target: Target, ref: ArtifactRef, signal: AbortSignal): Promise<CompleteMarker> {
  const prefix = runPrefix(ref.jobId, ref.runId)
  try {
    return parse(completeMarkerSchema, objectNames.complete, await readSmall(target, `${prefix}/${objectNames.complete}`, maxMarkerBytes, signal))
  } catch (error) {
    if (!hasCode(error, 'artifact_damaged') || error.details['missing'] !== true) throw error
    throw new BastionError('artifact_not_found', `${target.label} has no complete artifact ${prefix}`, { cause: error })
  }
}

/** What says whose a run's directory is; its ids may be others than those asked for. @throws artifact_damaged, with details `missing` where there is none */
export async function readRunMarker(target: Target, ref: ArtifactRef, signal: AbortSignal): Promise<RunMarker> {
  const key = `${runPrefix(ref.jobId, ref.runId)}/${objectNames.run}`
  return parse(runMarkerSchema, objectNames.run, await readSmall(target, key, maxMarkerBytes, signal))
}

function parseManifest(bytes: Uint8Array): Manifest {
  const raw = parseJson(objectNames.manifest, bytes) as { format_version?: unknown; requires?: unknown }
  if (typeof raw.format_version === 'number' && raw.format_version > formatVersion) {
    throw new BastionError(
      'unsupported',
      `the artifact has format version ${raw.format_version}; this Bastion reads up to ${formatVersion} and is too old for it`,
    )
  }
  const requires = checkShape(z.array(z.string()).nonempty(), raw.requires)
  if (requires.success) {
    throw new BastionError('unsupported', `the artifact requires ${requires.data.join(', ').slice(0, 1000)}, which this Bastion does not know`)
  }
  const manifest = check(manifestSchema, objectNames.manifest, raw)
  checkObjects(manifest)
  return manifest
}

/** The objects are those of this artifact, under the names they are written by, and their sizes can be added up. */
function checkObjects({ pipeline, artifacts, entry_index: index }: Manifest): void {
  const indexName = pipeline.encryption === 'none' ? objectNames.index : objectNames.encryptedIndex
  const hasParts = pipeline.format === 'archive_v1'
  if (index.name !== indexName || artifacts.some(({ name }, i) => !hasParts || name !== partName(i + 1))) {
    throw damaged(objectNames.manifest, 'names objects that no artifact has')
  }
  if (!Number.isSafeInteger(artifacts.reduce((sum, { size }) => sum + size, 0)))
    throw damaged(objectNames.manifest, 'promises more bytes than can be counted')
}

async function readSeekTable(reader: RangeReader, signal: AbortSignal): Promise<SeekTable> {
  const { sizeBytes } = reader
  if (sizeBytes < seekTableFooterBytes) throw damaged('the payload', 'is too short to be one')
  const tail = await reader.read(Math.max(0, sizeBytes - tailBytes), Math.min(sizeBytes, tailBytes), signal)
  const tableBytes = seekTableSize(tail, sizeBytes)
  const whole = tableBytes <= tail.byteLength ? tail : await reader.read(sizeBytes - tableBytes, tableBytes, signal)
  return decodeSeekTable(whole, sizeBytes)
}

/** A small object, whole. @throws artifact_damaged when it is absent (details `missing`) or too large */
async function readSmall(target: Target, key: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of await askObject(key, () => target.get(key, { signal }))) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > maxBytes) throw damaged(key, 'is far larger than it can be')
  }
  return Buffer.concat(chunks)
}

function parse<T>(schema: z.ZodType<T>, name: string, bytes: Uint8Array): T {
  return check(schema, name, parseJson(name, bytes))
}

function parseJson(name: string, bytes: Uint8Array): unknown {
  try {
    return parseBoundedJson(Buffer.from(bytes).toString('utf8'), freeValues + bytes.length / bytesPerValue) ?? {}
  } catch (error) {
    throw damaged(name, 'is not JSON', error)
  }
}

function check<T>(schema: z.ZodType<T>, name: string, value: unknown): T {
  const parsed = checkShape(schema, value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw damaged(name, `is not as it should be: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}

function damaged(name: string, what: string, cause?: unknown): BastionError {
  return new BastionError('artifact_damaged', `${name} ${what}`, { cause, details: { object: name } })
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => (made ??= make())
}

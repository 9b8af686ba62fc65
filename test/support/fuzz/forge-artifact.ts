import { Blake3Hasher } from '@napi-rs/blake-hash'
import { objectNames, partName, runPrefix } from '../../../src/core/artifact.ts'
import type { EntryKind } from '../../../src/core/entry.ts'
import { type TarMember, tarPadding } from '../../../src/engine/formats/archive-v1/tar-header.ts'
import { isSafePath } from '../../../src/engine/formats/index-entry.ts'
import { oddName } from '../../../src/engine/formats/raw-tree-v1/object-name.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { type BytePath, pathText } from '../../../src/lib/byte-path.ts'
import type { StoredRun } from '../engine.ts'
import { aTarMember, headerOf } from '../tar.ts'
import { forgeAge, forgedRecipient } from './forge-age.ts'
import { hostileText } from './mutate-json.ts'
import { forgeFrames, type FrameSizes } from './forge-frames.ts'

/**
 * Artifacts made from outside the program, the same bytes each time: what its writer would never write, behind a chain of hashes that is right.
 */
export interface ForgedEntry {
  path: BytePath
  kind: EntryKind
  content?: Uint8Array | string
  target?: BytePath
  /** laid over the index line; `null`: it has none */
  line?: Record<string, unknown> | null
  /** laid over the tar member; `null`: it has none */
  member?: Partial<TarMember> | null
}

/** Everything an artifact consists of before it is compressed, encrypted and hashed; to be changed at will. */
export interface ForgedArtifact {
  /** of a raw tree files are objects, and what is said of frames and payload means nothing */
  format: 'archive_v1' | 'raw_tree_v1'
  entries: ForgedEntry[]
  encrypted: boolean
  /** tar bytes of a frame */
  frameBytes: number
  partBytes: number
  linesPerFrame: number
  /** What is done to each thing on its way: the frames of tar bytes, the seek tables, the lines, the manifest. */
  onTar: (frames: Buffer[]) => void
  onPayloadTable: (sizes: FrameSizes[]) => void
  onLines: (lines: Record<string, unknown>[]) => void
  /** plaintext of the index's frames: header, lines, lookup */
  onIndexFrames: (frames: Buffer[]) => void
  onIndexTable: (sizes: FrameSizes[]) => void
  /** the zstd stream, before age and the cutting into parts */
  onPayload: (payload: Buffer) => Buffer
  onIndex: (index: Buffer) => Buffer
  onManifest: (manifest: Record<string, unknown>) => unknown
}

export const forgedRef = { jobId: 'forged', runId: '01930000-0000-7000-8000-000000000001' }

const nothing = (): void => {}

export function anArtifact(entries: ForgedEntry[], over: Partial<ForgedArtifact> = {}): ForgedArtifact {
  return {
    format: 'archive_v1',
    entries,
    encrypted: false,
    frameBytes: 16 * 1024,
    partBytes: 20_000,
    linesPerFrame: 4,
    onTar: nothing,
    onPayloadTable: nothing,
    onLines: nothing,
    onIndexFrames: nothing,
    onIndexTable: nothing,
    onPayload: (payload) => payload,
    onIndex: (index) => index,
    onManifest: (manifest) => manifest,
    ...over,
  }
}

/** The objects of the artifact by their name. */
export function forgeObjects(artifact: ForgedArtifact): Map<string, Buffer> {
  const seal = (bytes: Buffer): Buffer => (artifact.encrypted ? forgeAge(bytes) : bytes)
  const objects = new Map<string, Buffer>()
  const fieldsOf = artifact.format === 'raw_tree_v1' ? addTree(artifact, objects) : addPayload(artifact, objects, seal)
  const lines = indexLines(artifact, fieldsOf)
  const index = seal(indexStream(artifact, lines))
  objects.set(artifact.encrypted ? objectNames.encryptedIndex : objectNames.index, index)
  objects.set(objectNames.restoreNotes, Buffer.from('# How to restore this backup\n'))
  return signManifest(objects, artifact.onManifest(manifestOf(artifact, lines, objects)))
}

/** The chain of hashes over objects that were changed: as if its writer had stored them so. */
export function resign(objects: Map<string, Buffer>): Map<string, Buffer> {
  const manifest = JSON.parse(objects.get(objectNames.manifest)?.toString() ?? '{}') as { artifacts?: StoredObject[]; entry_index?: StoredObject }
  for (const described of [...(manifest.artifacts ?? []), ...(manifest.entry_index === undefined ? [] : [manifest.entry_index])]) {
    const bytes = objects.get(described.name)
    if (bytes !== undefined) Object.assign(described, { size: bytes.length, hash: blake3Of(bytes) })
  }
  return signManifest(objects, manifest)
}

/** What an index line says of where the content of its entry is. */
type PlaceFields = (entry: ForgedEntry) => Record<string, unknown>

function addPayload(artifact: ForgedArtifact, objects: Map<string, Buffer>, seal: (bytes: Buffer) => Buffer): PlaceFields {
  const { frames, places } = tarFrames(artifact)
  artifact.onTar(frames)
  const payload = forgeFrames(frames, artifact.onPayloadTable)
  const stored = seal(artifact.onPayload(payload.bytes))
  for (let at = 0, number = 1; at < stored.length; at += artifact.partBytes, number += 1) {
    objects.set(partName(number), stored.subarray(at, at + artifact.partBytes))
  }
  return (entry) => {
    const place = places.get(entry)
    return place === undefined ? {} : { at: [payload.offsets[place[0]] ?? 0, place[1]] }
  }
}

function addTree({ entries }: ForgedArtifact, objects: Map<string, Buffer>): PlaceFields {
  const isOdd = ({ path, kind }: ForgedEntry): boolean => kind === 'file' && pathText(path).b64 !== undefined
  for (const entry of entries) {
    if (entry.kind !== 'file' || entry.member === null) continue
    const name = isOdd(entry) ? oddName(entry.path) : `${objectNames.tree}/${pathText(entry.path).text}`
    objects.set(name, Buffer.from(entry.content ?? ''))
  }
  return (entry) => (isOdd(entry) ? { object: oddName(entry.path) } : {})
}

interface StoredObject {
  name: string
  size: number
  hash: string
}

function describe(name: string, bytes: Uint8Array): StoredObject {
  return { name, size: bytes.length, hash: blake3Of(bytes) }
}

/** Adds `manifest`, whatever it says, and the markers that belong to it. */
function signManifest(objects: Map<string, Buffer>, manifest: unknown): Map<string, Buffer> {
  const text = Buffer.from(hostileText(manifest))
  const { run, complete } = forgedMarkers(blake3Of(text))
  objects.set(objectNames.manifest, text)
  objects.set(objectNames.run, Buffer.from(JSON.stringify(run)))
  objects.set(objectNames.complete, Buffer.from(JSON.stringify(complete)))
  return objects
}

export function forgedMarkers(manifestHash: string): { run: Record<string, unknown>; complete: Record<string, unknown> } {
  const { jobId, runId } = forgedRef
  return {
    run: {
      v: 1,
      hub_id: 'forged',
      job_id: jobId,
      run_id: runId,
      node_id: 'forged',
      format: 'archive_v1',
      owner_token: '0'.repeat(32),
      started_at: 0,
    },
    complete: { v: 1, run_id: runId, manifest_hash: manifestHash, completed_at: 1 },
  }
}

export async function storeForged(objects: ReadonlyMap<string, Buffer>): Promise<StoredRun> {
  const target = createMemoryTarget()
  const prefix = runPrefix(forgedRef.jobId, forgedRef.runId)
  // What no key can be is stored nowhere.
  for (const [name, bytes] of objects) if (isSafePath(name)) await target.put(`${prefix}/${name}`, bytes)
  return { target, ref: forgedRef }
}

/** Where a member stands: the number of its frame, the bytes to skip in it. */
type Place = readonly [frame: number, skip: number]

/** A frame begins at a member or inside a large one, as in what is written. */
function tarFrames({ entries, frameBytes }: ForgedArtifact): { frames: Buffer[]; places: Map<ForgedEntry, Place> } {
  const frames: Buffer[] = []
  const places = new Map<ForgedEntry, Place>()
  let pieces: Buffer[] = []
  let sizeBytes = 0
  const close = (): void => {
    if (sizeBytes > 0) frames.push(Buffer.concat(pieces))
    pieces = []
    sizeBytes = 0
  }
  for (const entry of entries) {
    if (entry.kind === 'socket' || entry.member === null) continue
    const bytes = memberBytes(entry)
    if (sizeBytes + bytes.length > frameBytes) close()
    places.set(entry, [frames.length, sizeBytes])
    pieces.push(bytes)
    sizeBytes += bytes.length
    if (sizeBytes <= frameBytes) continue
    for (let at = 0; at < bytes.length; at += frameBytes) frames.push(bytes.subarray(at, at + frameBytes))
    pieces = []
    sizeBytes = 0
  }
  pieces.push(Buffer.alloc(1024))
  sizeBytes += 1024
  close()
  return { frames, places }
}

/** Beyond this the writer of headers refuses. */
const longestPath = 60_000

function memberBytes({ path, kind, content, target, member }: ForgedEntry): Buffer {
  const data = Buffer.from(content ?? '')
  const whole = aTarMember({
    path,
    kind: kind === 'socket' ? 'fifo' : kind,
    sizeBytes: data.length,
    ...(target === undefined ? {} : { linkPath: target.slice(0, longestPath) }),
    ...(kind === 'device' ? { device: { type: 'char' as const, major: 1, minor: 3 } } : {}),
    ...member,
  })
  whole.path = whole.path.slice(0, longestPath)
  return Buffer.concat([headerOf(whole), data, Buffer.alloc(tarPadding(data.length))])
}

const typeBits: Record<EntryKind, number> = {
  file: 0o100000,
  hardlink: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  fifo: 0o010000,
  device: 0o020000,
  socket: 0o140000,
}

function indexLines({ entries, onLines }: ForgedArtifact, fieldsOf: PlaceFields): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = entries
    .filter(({ line }) => line !== null)
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map((entry) => {
      const { path, kind, content, target, line } = entry
      const data = Buffer.from(content ?? '')
      return {
        ...named('path', path),
        kind,
        ...(kind === 'file' ? { size: data.length, hash: blake3Of(data) } : {}),
        mode: typeBits[kind] | (kind === 'dir' ? 0o755 : 0o644),
        uid: 0,
        gid: 0,
        mtime_ns: '1763690000000000000',
        ...(target === undefined ? {} : named('target', target)),
        ...(kind === 'device' ? { rdev: [1, 3], device: 'char' } : {}),
        ...fieldsOf(entry),
        ...line,
      }
    })
  onLines(lines)
  return lines
}

function named(name: 'path' | 'target', path: BytePath): Record<string, string> {
  const { text, b64 } = pathText(path)
  return b64 === undefined ? { [name]: text } : { [name]: text, [`${name}_b64`]: b64 }
}

const indexHeader = {
  v: 1,
  source: { type: 'filesystem', paths: ['/'] },
  coverage: [],
  snapshot: { mode: 'off', status: 'off' },
  job: { name: 'forged', spec: {} },
}

/** The zstd stream of the index alone; its lines point nowhere. */
export function forgeIndex(artifact: ForgedArtifact): Buffer {
  return indexStream(
    artifact,
    indexLines(artifact, () => ({})),
  )
}

function indexStream({ linesPerFrame, onIndexFrames, onIndexTable, onIndex }: ForgedArtifact, lines: readonly Record<string, unknown>[]): Buffer {
  const groups: Record<string, unknown>[][] = []
  for (let at = 0; at < lines.length; at += linesPerFrame) groups.push(lines.slice(at, at + linesPerFrame))
  const lookup = groups.map(([first]) => (first?.['path_b64'] === undefined ? first?.['path'] : { b64: first['path_b64'] }))
  const frames = [[indexHeader], ...groups, [{ lookup }]].map((each) => Buffer.from(each.map((line) => `${hostileText(line)}\n`).join('')))
  onIndexFrames(frames)
  return onIndex(forgeFrames(frames, onIndexTable).bytes)
}

function manifestOf(
  { format, encrypted, frameBytes, partBytes }: ForgedArtifact,
  lines: readonly Record<string, unknown>[],
  objects: ReadonlyMap<string, Buffer>,
): Record<string, unknown> {
  const indexName = encrypted ? objectNames.encryptedIndex : objectNames.index
  const countOf = (...kinds: EntryKind[]): number => lines.filter(({ kind }) => kinds.includes(kind as EntryKind)).length
  const bytesOf = (isSparse: boolean): number =>
    lines.reduce((sum, { size, sparse }) => (typeof size === 'number' && (sparse === true) === isSparse ? sum + size : sum), 0)
  return {
    format_version: 1,
    producer: 'forged/1',
    hub_id: 'forged',
    job_id: forgedRef.jobId,
    run_id: forgedRef.runId,
    retry_of: null,
    node_id: 'forged',
    started_at: 0,
    ended_at: 1,
    pipeline:
      format === 'raw_tree_v1'
        ? { format, encryption: 'none' }
        : {
            format,
            tar: 'pax',
            compression: 'zstd',
            level: 1,
            frame_bytes: frameBytes,
            encryption: encrypted ? 'age_x25519' : 'none',
            ...(encrypted ? { recipients: [forgedRecipient] } : {}),
            part_size_bytes: partBytes,
          },
    artifacts: [...objects]
      .filter(([name]) => name.startsWith('payload.'))
      .map(([name, bytes]) => ({ ...describe(name, bytes), hash_alg: 'blake3' })),
    entry_index: { ...describe(indexName, objects.get(indexName)!), count: lines.length },
    totals: {
      files: countOf('file'),
      dirs: countOf('dir'),
      links: countOf('symlink', 'hardlink'),
      others: countOf('fifo', 'device', 'socket'),
      source_bytes: bytesOf(false),
      hole_bytes: bytesOf(true),
      stored_bytes: 0,
    },
    snapshot: { mode: 'off', status: 'off' },
    ...(encrypted ? {} : { source: { type: 'filesystem', paths: ['/'] }, coverage: [{ path: '/', unit: 'ext4:/dev/vda', read: 'live' }] }),
    consistency: { grade: 'stable', changed_total: 0, replaced_total: 0, deleted_total: 0, read_error_total: 0, retried_total: 0 },
  }
}

function blake3Of(bytes: Uint8Array): string {
  return new Blake3Hasher().update(bytes).digest('hex')
}

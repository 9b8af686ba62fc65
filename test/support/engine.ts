import { randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { type CompleteMarker, objectNames, runPrefix, type RunMarker } from '../../src/core/artifact.ts'
import { type FilesystemSource, filesystemSourceSchema } from '../../src/core/filesystem-source.ts'
import { uuidv7 } from '../../src/core/ids.ts'
import { type Manifest, manifestSchema } from '../../src/core/manifest.ts'
import { type PipelineSpec, pipelineSpecSchema } from '../../src/core/pipeline-spec.ts'
import type { VerifyLevel } from '../../src/core/operation.ts'
import type { Progress, RunEvent } from '../../src/core/run-event.ts'
import type { Source } from '../../src/core/source.ts'
import { backup, type BackupOutcome } from '../../src/engine/backup.ts'
import { encodeSparseMap } from '../../src/engine/formats/archive-v1/tar-header.ts'
import type { AllowedHooks } from '../../src/engine/hooks/source-hooks.ts'
import { writeArchive } from '../../src/engine/pipeline/write-archive.ts'
import { restoreNotes } from '../../src/engine/formats/archive-v1/restore-notes.ts'
import type { IndexedEntry } from '../../src/engine/formats/entries-index-reader.ts'
import { type Artifact, type ArtifactRef, openArtifact } from '../../src/engine/open-artifact.ts'
import type { PackReport } from '../../src/engine/pipeline/source-packer.ts'
import { createProgressMeter } from '../../src/engine/progress-meter.ts'
import { restore, type RestoreRequest } from '../../src/engine/restore.ts'
import type { RestoreReport } from '../../src/engine/restoring/restore-report.ts'
import { selectEntries } from '../../src/engine/selection.ts'
import type { SnapshotServices } from '../../src/engine/snapshots/snapshot-services.ts'
import { prepareFilesystemSource } from '../../src/engine/sources/filesystem/filesystem-source.ts'
import type { PreparedSource } from '../../src/engine/sources/source.ts'
import { storeJson } from '../../src/engine/store-object.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { verify, type VerifyReport } from '../../src/engine/verify.ts'
import type { BytePath } from '../../src/lib/byte-path.ts'
import { createHoleFinder } from '../../src/lib/posix-holes.ts'
import { temporaryFolder } from './temporary-folder.ts'

const clock = { now: () => Date.now() }
export const testJobId = 'test-job'

export interface BackupOptions {
  target: Target
  /** absolute paths */
  sources: readonly string[]
  /** in place of a `filesystem` source */
  sourceSpec?: Source
  spec?: Partial<FilesystemSource>
  pipeline?: Partial<PipelineSpec>
  ownDirectories?: readonly string[]
  snapshots?: SnapshotServices
  /** where the run has its own directory; absent: where temporary files go */
  dataDirectory?: string
  allowedHooks?: AllowedHooks
  signal?: AbortSignal
  onEvent?: (event: RunEvent) => void
  onProgress?: (progress: Progress) => void
}

export interface BackupRun {
  target: Target
  ref: ArtifactRef
  outcome: BackupOutcome
  events: RunEvent[]
}

/** The smallest frames and parts there are: small trees then have every boundary. */
export const smallPipeline = { frame_bytes: 64 * 1024, part_size_bytes: 1024 * 1024 } as const

/** A backup in this process with the smallest frames and parts, reading live. @throws what `backup` throws */
export async function runBackup(options: BackupOptions): Promise<BackupRun> {
  await using runDirectory = await temporaryFolder(options.dataDirectory)
  const ref = newRef()
  const events: RunEvent[] = []
  const outcome = await backup(
    {
      hubId: 'test',
      nodeId: 'here',
      jobId: ref.jobId,
      jobName: 'a test',
      runId: ref.runId,
      source:
        options.sourceSpec ??
        filesystemSourceSchema.parse({
          type: 'filesystem',
          paths: options.sources,
          snapshot_mode: 'off',
          pre_scan: false,
          ...options.spec,
        }),
      pipeline: pipelineSpecSchema.parse({ ...smallPipeline, ...options.pipeline }),
    },
    {
      target: options.target,
      clock,
      signal: options.signal ?? new AbortController().signal,
      producer: 'bastion/test',
      runDirectory: runDirectory.path,
      ownDirectories: options.ownDirectories ?? [],
      ...(options.allowedHooks === undefined ? {} : { allowedHooks: options.allowedHooks }),
      ...(options.snapshots === undefined ? {} : { snapshots: options.snapshots }),
      emit: (event) => {
        events.push(event)
        options.onEvent?.(event)
      },
      onProgress: options.onProgress ?? (() => {}),
    },
  )
  return { target: options.target, ref, outcome, events }
}

/** The run and everything behind it for a source a test has prepared itself: what `backup` does once the source is there. */
export async function packPrepared(
  source: PreparedSource,
  options: { target: Target; spec?: Partial<FilesystemSource>; pipeline?: Partial<PipelineSpec> },
): Promise<{ target: Target; ref: ArtifactRef; report: PackReport; manifest: Manifest }> {
  await using runDirectory = await temporaryFolder()
  const { target } = options
  const ref = newRef()
  const prefix = runPrefix(ref.jobId, ref.runId)
  const pipeline = pipelineSpecSchema.parse({ ...smallPipeline, ...options.pipeline })
  const { signal } = new AbortController()
  const marker: RunMarker = {
    v: 1,
    hub_id: 'test',
    job_id: ref.jobId,
    run_id: ref.runId,
    node_id: 'here',
    format: 'archive_v1',
    owner_token: randomBytes(16).toString('hex'),
    started_at: clock.now(),
  }
  await storeJson(target, `${prefix}/${objectNames.run}`, marker, signal)
  const archive = await writeArchive({
    target,
    prefix,
    pipeline,
    entries: () => source.entries(),
    errorPolicy: options.spec?.error_policy ?? 'fail_fast',
    runDirectory: runDirectory.path,
    signal,
    progress: createProgressMeter({ clock, onProgress: () => {} }),
    onPart: () => {},
    header: () => ({
      v: 1,
      source: { type: 'filesystem' },
      coverage: [],
      snapshot: { mode: 'off', status: 'off' },
      job: { name: 'a test', spec: {} },
    }),
    accept: () => {},
  })
  const { report } = archive
  const { sample: _sample, sample_truncated: _truncated, ...totals } = report.consistency
  const encrypted = pipeline.recipients.length > 0
  const manifest = manifestSchema.parse({
    format_version: 1,
    producer: 'bastion/test',
    hub_id: 'test',
    job_id: ref.jobId,
    run_id: ref.runId,
    retry_of: null,
    node_id: 'here',
    started_at: marker.started_at,
    ended_at: clock.now(),
    pipeline: { format: 'archive_v1', encryption: encrypted ? 'age_x25519' : 'none', frame_bytes: pipeline.frame_bytes },
    artifacts: archive.parts,
    entry_index: archive.index,
    totals: { ...report.totals, stored_bytes: archive.storedBytes },
    snapshot: { mode: 'off', status: 'off' },
    consistency: { grade: report.grade(), ...totals },
  } satisfies Record<keyof Omit<Manifest, 'requires' | 'source' | 'coverage'>, unknown>)
  const { hash } = await storeJson(target, `${prefix}/${objectNames.manifest}`, manifest, signal)
  await target.put(`${prefix}/${objectNames.restoreNotes}`, Buffer.from(restoreNotes(manifest)))
  const complete: CompleteMarker = { v: 1, run_id: ref.runId, manifest_hash: hash, completed_at: clock.now() }
  await storeJson(target, `${prefix}/${objectNames.complete}`, complete, signal)
  return { target, ref, report, manifest }
}

/** A source on disk in which a test can do something between an entry being listed and its being packed. */
export function watchedSource(
  paths: readonly string[],
  options: { spec?: Partial<FilesystemSource>; onListed: (path: BytePath) => void; onEnd?: () => void },
): PreparedSource {
  const spec = filesystemSourceSchema.parse({ type: 'filesystem', paths, ...options.spec })
  const prepared = prepareFilesystemSource(spec, { ownDirectories: [] })
  return {
    ...prepared,
    *entries() {
      for (const item of prepared.entries()) {
        if ('entry' in item) options.onListed(item.entry.path)
        yield item
      }
      options.onEnd?.()
    },
  }
}

function newRef(): ArtifactRef {
  return { jobId: testJobId, runId: uuidv7(clock.now(), randomBytes(10)) }
}

/** What a test holds of a backup; more fields do no harm. */
export interface StoredRun {
  target: Target
  ref: ArtifactRef
}

export function openRun({ target, ref }: StoredRun, identities: readonly string[] = []): Promise<Artifact> {
  return openArtifact(target, ref, { identities, signal: new AbortController().signal })
}

export interface RestoreOptions extends Partial<Omit<RestoreRequest, 'artifact' | 'destination' | 'selection'>> {
  only?: readonly string[]
  identities?: readonly string[]
  onProgress?: (progress: Progress) => void
}

/** Our own restore, under the policy `fail` unless said. */
export async function restoreRun(run: StoredRun, destination: string, options: RestoreOptions = {}): Promise<RestoreReport> {
  const { only = [], identities = [], ...over } = options
  return restore({
    artifact: await openRun(run, identities),
    destination,
    selection: selectEntries(only),
    conflict: 'fail',
    damaged: false,
    clock,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...over,
  })
}

export async function verifyRun(run: StoredRun, level: VerifyLevel = 'full', identities: readonly string[] = []): Promise<VerifyReport> {
  return verify({
    target: run.target,
    artifact: await openRun(run, identities),
    level,
    sampleShare: 1,
    random: () => 0,
    clock,
    signal: new AbortController().signal,
    onProgress: () => {},
  })
}

/** The entries of the index by their path below `root`, which is '' itself; of names that are not UTF-8, by what can be read of them. */
export async function entriesBelow(run: StoredRun, root: string, identities: readonly string[] = []): Promise<Map<string, IndexedEntry>> {
  const index = await (await openRun(run, identities)).index()
  const entries = new Map<string, IndexedEntry>()
  for await (const frame of index.scan()) for (const entry of frame) entries.set(entry.path.slice(root.length), entry)
  return entries
}

/**
 * A target during whose reception of the payload something happens: `onChunk` is called before each chunk is taken, so while the files whose bytes come
 * later are being read.
 */
export function disturbedTarget(inner: Target, onChunk: (chunkNumber: number) => void): Target {
  let chunkNumber = 0
  async function* watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      onChunk(chunkNumber++)
      yield chunk
    }
  }
  return {
    ...inner,
    put: (key, body, options) =>
      inner.put(key, /\/(payload\.part|data\/)/.test(key) && !(body instanceof Uint8Array) ? watched(body) : body, options),
  }
}

/** Waits until nothing written before can be taken for something that may still change within the granularity of its clock. */
export async function pastClockGranularity(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 30))
}

/** All objects of a target by key, or those of one directory, in the order of their keys. */
export async function objectsOf(target: Target, prefix = ''): Promise<Map<string, Buffer>> {
  const keys: string[] = []
  for await (const { key } of target.list(prefix, { recursive: true })) keys.push(key)
  const objects = new Map<string, Buffer>()
  for (const key of keys.toSorted()) objects.set(key, await objectOf(target, key))
  return objects
}

export async function objectOf(target: Target, key: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await target.get(key)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Writes the objects of a run as files into `folder`, where stock tools read them. */
export async function exportRun({ target, ref }: StoredRun, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const prefix = runPrefix(ref.jobId, ref.runId)
  for (const [key, bytes] of await objectsOf(target, prefix)) {
    const file = path.join(folder, key.slice(prefix.length + 1))
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
  return folder
}

/** What tar says of times far from now and is no failure. */
const tarRemarks = /^tar: .*(?:in the future|implausibly old time stamp.*)$/

/**
 * Restores with `cat`, `age`, `zstd` and `tar`, by the very command the artifact's own RESTORE.md gives.
 * @param folder with the objects of one run
 * @throws Error when anything failed or was complained of
 */
export function stockRestore(folder: string, into: string, options: { identity?: string } = {}): void {
  mkdirSync(into, { recursive: true })
  const notes = readFileSync(path.join(folder, objectNames.restoreNotes), 'utf8')
  const command = /## Everything[^]*?```\n([^]*?)\n```/.exec(notes)?.[1]
  if (command === undefined || !command.includes('BACKUP')) throw new Error('RESTORE.md has no command for everything')
  // Beside the parts and not in the directory restored into, where it would be one file too many.
  const keyFile = path.join(folder, 'key.txt')
  if (options.identity !== undefined) writeFileSync(keyFile, `${options.identity}\n`, { mode: 0o600 })
  runStock(command.replaceAll('BACKUP', '"$BACKUP"').replaceAll('key.txt', '"$KEY"'), { cwd: into, env: { BACKUP: folder, KEY: keyFile } })
}

/** The same of a raw tree: the copy, and then what its RESTORE.md says a copy does not bring. */
export function stockRestoreTree(folder: string, into: string): void {
  stockRestore(folder, into)
  completeTree(folder, into)
}

/** The second command of a raw tree's RESTORE.md, which brings everything where nothing was copied before. */
export function completeTree(folder: string, into: string): void {
  mkdirSync(into, { recursive: true })
  const notes = readFileSync(path.join(folder, objectNames.restoreNotes), 'utf8')
  const command = /## What a copy does not bring[^]*?```\n([^]*?)\n```/.exec(notes)?.[1]
  if (command === undefined) throw new Error('RESTORE.md has no command for what a copy does not bring')
  // The Python of the system: every user may run it.
  runStock(command.replaceAll('BACKUP/', '"$BACKUP"/').replace('BACKUP=BACKUP', 'BACKUP="$BACKUP"').replace('python3', '/usr/bin/python3'), {
    cwd: into,
    env: { BACKUP: folder },
  })
}

/** Runs a line of shell, every command of its pipes counted. @throws Error with what it said when it fails or complains */
export function runStock(command: string, options: { cwd: string; env?: Record<string, string> }): string {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${command}`], {
    cwd: options.cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...options.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  })
  const complaints = stderr.split('\n').filter((line) => line !== '' && !tarRemarks.test(line))
  if (status !== 0 || complaints.length > 0) throw new Error(`${command}: ${status ?? 'not run'}, ${stderr}`)
  return stdout
}

export function blake3Of(bytes: Uint8Array): string {
  return new Blake3Hasher().update(bytes).digest('hex')
}

/** The hash the index has of a file: of its bytes, or of its map and its data where it was stored without its holes. */
export function storedHashOf(file: string, isSparse: boolean): string {
  const bytes = readFileSync(file)
  if (!isSparse) return blake3Of(bytes)
  const fd = openSync(file, 'r')
  const map = createHoleFinder()?.find(fd, bytes.length, 1000) ?? []
  closeSync(fd)
  return blake3Of(Buffer.concat([encodeSparseMap(map, bytes.length), ...map.map(([offset, length]) => bytes.subarray(offset, offset + length))]))
}

/** Where a source path stands below a directory it was restored into. */
export function below(destination: string, source: string): string {
  return path.join(destination, source)
}

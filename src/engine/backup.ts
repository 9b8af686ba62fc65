import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type CompleteMarker, formatVersion, objectNames, runPrefix, type RunMarker } from '../core/artifact.ts'
import type { Clock } from '../core/clock.ts'
import type { ConsistencyReport } from '../core/consistency.ts'
import type { CoverageItem } from '../core/coverage.ts'
import { type DataPath, type PlaceFacts, planDataPath } from '../core/data-path.ts'
import type { IndexHeader } from '../core/entry.ts'
import { BastionError } from '../core/errors.ts'
import type { FilesystemSource } from '../core/filesystem-source.ts'
import type { Grade } from '../core/grade.ts'
import { hasFindings } from '../core/has-findings.ts'
import type { Manifest } from '../core/manifest.ts'
import type { PipelineSpec } from '../core/pipeline-spec.ts'
import type { Progress, RunEvent, RunEventKind } from '../core/run-event.ts'
import { readingOf, type Source } from '../core/source.ts'
import type { SnapshotSummary } from '../core/source-snapshot.ts'
import type { CaptureReport } from '../core/sqlite-capture.ts'
import { requirePartSize } from './pipeline/parts-writer.ts'
import { toBytePath } from '../lib/byte-path.ts'
import { writeArchive } from './pipeline/write-archive.ts'
import { writeRawTree } from './pipeline/write-raw-tree.ts'
import { restoreNotes } from './formats/archive-v1/restore-notes.ts'
import { treeNotes } from './formats/raw-tree-v1/tree-notes.ts'
import type { PackReport } from './pipeline/source-packer.ts'
import { createProgressMeter } from './progress-meter.ts'
import { confirmStored } from './confirm-stored.ts'
import { removePartialRun } from './remove-partial-run.ts'
import { freezeSource, requireFrozen } from './snapshots/freeze-source.ts'
import type { SnapshotServices } from './snapshots/snapshot-services.ts'
import { prepareFilesystemSource } from './sources/filesystem/filesystem-source.ts'
import { type AllowedHooks, createSourceHooks } from './hooks/source-hooks.ts'
import { captureSource, capturesName } from './sources/sqlite/capture-source.ts'
import { storeJson, storeText } from './store-object.ts'
import { establishIdentity } from './targets/target-identity.ts'
import type { Target } from './targets/target.ts'

/** What to back up, under which names. Everything that time and chance decide is an argument. */
export interface BackupPlan {
  hubId: string
  nodeId: string
  jobId: string
  jobName: string
  runId: string
  retryOf?: string
  source: Source
  pipeline: PipelineSpec
  /** the target this job is known to write to; absent on first use */
  expectedTargetId?: string
}

export interface BackupContext {
  target: Target
  clock: Clock
  signal: AbortSignal
  producer: string
  /** a private directory: for spills, and for copies of databases until they are packed */
  runDirectory: string
  /** never part of a source: the data directory, other local target roots */
  ownDirectories: readonly string[]
  /** which commands may be run around the reading of the source; absent: none */
  allowedHooks?: AllowedHooks
  /** what this node has to freeze sources with; absent: nothing */
  snapshots?: SnapshotServices
  emit(event: RunEvent): void
  onProgress(progress: Progress): void
}

export interface BackupOutcome {
  status: 'success' | 'warning'
  targetId: string
  manifest: Manifest
  manifestHash: string
  /** as the marker has it */
  completedAt: number
  issues: PackReport['issues']
  source: SourceSummary
  summary: { grade: Grade; data_path: DataPath } & Partial<Record<Source['type'], SourceSummary>>
}

/** How the source was read: stands in the summary of the run under the source's type. */
export interface SourceSummary {
  snapshot: SnapshotSummary
  consistency: ConsistencyReport
  coverage: CoverageItem[]
  /** absent where no database was met */
  sqlite?: CaptureReport
}

/**
 * A backup, from nothing to a complete artifact: prove the target, mark the run, pack the source straight into it, store the index, the manifest and the notes, make it
 * all durable, and only then say that it exists. What goes wrong before that removes what was stored.
 * @throws BastionError
 */
export async function backup(plan: BackupPlan, context: BackupContext): Promise<BackupOutcome> {
  const { target, clock, signal } = context
  const { pipeline, jobId, runId } = plan
  const prefix = runPrefix(jobId, runId)
  const startedAt = clock.now()
  const emit = (kind: RunEventKind, message: string, fields: Record<string, unknown> = {}, level: RunEvent['level'] = 'info') =>
    context.emit({ ts: clock.now(), level, kind, message, fields })

  if (signal.aborted) throw canceled(signal)
  if (pipeline.format === 'archive_v1') requirePartSize(target, pipeline.part_size_bytes)
  emit('started', `backup to ${target.label}`, { job_id: jobId, run_id: runId })
  const reading = readingOf(plan.source)
  const dataPath = planDataPath(reading.tree, pipeline, placeFacts(target))
  emit('planning', dataPath.path, { ...dataPath })
  const spec: FilesystemSource = { ...reading.tree, hardlink_policy: dataPath.hardlink_policy }
  const ownDirectories = [...context.ownDirectories, ...(target.features.localRoot === undefined ? [] : [target.features.localRoot])]
  const identity = await establishIdentity(target, {
    ...(plan.expectedTargetId === undefined ? {} : { expectedTargetId: plan.expectedTargetId }),
    newTargetId: randomBytes(16).toString('hex'),
    nowMs: startedAt,
    signal,
  })
  const { runDirectory } = context
  await using hooks = createSourceHooks(plan.source.hooks ?? {}, { allowed: context.allowedHooks ?? [], jobId, runId, clock, signal, emit })
  await hooks.before().catch((error: unknown) => {
    throw signal.aborted ? canceled(signal) : error
  })
  await using frozen = await freezeSource(spec, context.snapshots, { runId, runDirectory, ownDirectories, clock, emit })
  const { view, sameDevices, summary: snapshot } = frozen
  await using source = prepareFilesystemSource(spec, { ownDirectories: [...ownDirectories.map(toBytePath), ...frozen.holders], view, sameDevices })
  if (spec.snapshot_mode === 'required') {
    requireFrozen(source, view, signal)
    // From here on nothing is read where somebody writes, unless files are frozen one by one when they are met.
    if (view?.copiesFiles === false) await hooks.after()
  }
  const progress = createProgressMeter({ clock, onProgress: context.onProgress })
  await using captured = captureSource({ ...reading, tree: spec }, { directory: join(runDirectory, capturesName), progress, signal, emit })
  await captured
    .begin(() => source.entries())
    .catch((error: unknown) => {
      throw signal.aborted ? canceled(signal) : ownDiskError(error, runDirectory)
    })
  if (spec.pre_scan) {
    emit('scan', 'counting what there is to do')
    await progress.count(source.entries(), signal)
  }

  const marker: RunMarker = {
    v: 1,
    hub_id: plan.hubId,
    job_id: jobId,
    run_id: runId,
    node_id: plan.nodeId,
    format: pipeline.format,
    owner_token: randomBytes(16).toString('hex'),
    started_at: startedAt,
  }
  try {
    const markerStored = await storeJson(target, `${prefix}/${objectNames.run}`, marker, signal)
    emit('packaging', `packing as ${pipeline.format}`)
    const storing = {
      target,
      prefix,
      entries: () => frozen.packed(captured.packed(source.entries())),
      errorPolicy: spec.error_policy,
      runDirectory: context.runDirectory,
      signal,
      progress,
      header: (): IndexHeader => ({
        v: 1,
        source: plan.source,
        coverage: source.coverage(),
        snapshot,
        job: { name: plan.jobName, spec: { source: plan.source, pipeline } },
      }),
      accept: (report: PackReport) => judge(report, spec, emit),
    }
    const stored =
      dataPath.path === 'archive'
        ? await writeArchive({ ...storing, pipeline, onPart: (part) => emit('part_stored', part.name, { ...part }) })
        : await writeRawTree({ ...storing, inPlace: dataPath.path === 'tree_in_place', wholeBytes: pipeline.frame_bytes })
    const { report } = stored
    const databases = captured.end()
    await frozen.check()
    await frozen.release()
    await hooks.after()
    const coverage = source.coverage()
    emit('coverage', `${coverage.length} mounts or directories`, { coverage })

    const encrypted = pipeline.recipients.length > 0
    const { hole_bytes, ...totals } = report.totals
    const { retried_total, changed_total, replaced_total, deleted_total, read_error_total } = report.consistency
    const manifest: Manifest = {
      format_version: formatVersion,
      producer: context.producer,
      hub_id: plan.hubId,
      job_id: jobId,
      run_id: runId,
      retry_of: plan.retryOf ?? null,
      node_id: plan.nodeId,
      started_at: startedAt,
      ended_at: clock.now(),
      pipeline: pipelineFacts(pipeline),
      artifacts: [...stored.parts],
      entry_index: stored.index,
      totals: {
        ...totals,
        ...(hole_bytes === 0 ? {} : { hole_bytes }),
        stored_bytes: stored.storedBytes,
        ...(stored.tarBytes === null ? {} : { payload_tar_bytes: stored.tarBytes }),
      },
      snapshot: encrypted ? withoutReason(snapshot) : snapshot,
      ...(encrypted ? {} : { source: { type: plan.source.type, paths: spec.paths }, coverage }),
      consistency: { grade: report.grade(), changed_total, replaced_total, deleted_total, read_error_total, retried_total },
    }
    const manifestStored = await storeJson(target, `${prefix}/${objectNames.manifest}`, manifest, signal)
    const notesText = dataPath.path === 'archive' ? restoreNotes(manifest) : treeNotes(manifest)
    const notes = await storeText(target, `${prefix}/${objectNames.restoreNotes}`, notesText, signal)
    await target.flush?.(prefix)
    const objects = new Map([...stored.parts, stored.index].map(({ name, size }) => [name, size]))
    objects.set(objectNames.run, markerStored.size).set(objectNames.manifest, manifestStored.size).set(objectNames.restoreNotes, notes.size)
    await confirmStored(target, prefix, objects, signal)
    const manifestHash = manifestStored.hash
    signal.throwIfAborted()
    const complete: CompleteMarker = { v: 1, run_id: runId, manifest_hash: manifestHash, completed_at: clock.now() }
    const completeStored = await storeJson(target, `${prefix}/${objectNames.complete}`, complete, signal)
    // The marker's name, and the directories that lead to it.
    await target.flush?.(prefix)
    // From here on the artifact exists: nobody cancels it any more.
    await confirmStored(target, prefix, new Map([[objectNames.complete, completeStored.size]]))

    const warning =
      report.issues.total > 0 ||
      snapshot.status === 'cleanup_failed' ||
      coverage.some(({ read }) => read === 'hole') ||
      databases.deservesLook ||
      hooks.deservesLook ||
      (spec.consistency_policy === 'warn' && hasFindings(report.consistency))
    const grade = report.grade()
    const sourceSummary: SourceSummary = {
      snapshot,
      consistency: report.consistency,
      coverage,
      ...(databases.report !== null && { sqlite: databases.report }),
    }
    emit('complete', `${report.totals.files} files stored`, { manifest_hash: manifestHash, grade, ...manifest.totals })
    return {
      status: warning ? 'warning' : 'success',
      targetId: identity.target_id,
      manifest,
      manifestHash,
      completedAt: complete.completed_at,
      issues: report.issues,
      source: sourceSummary,
      summary: { [plan.source.type]: sourceSummary, grade, data_path: dataPath },
    }
  } catch (error) {
    // Whoever was stopped for this is waiting.
    await hooks[Symbol.asyncDispose]()
    await removePartialRun(target, prefix, emit)
    if (signal.aborted) throw canceled(signal)
    if (mayComeFromSource(error)) await frozen.check()
    throw ownDiskError(error, context.runDirectory)
  }
}

/** What decides how the bytes travel to a target. */
export function placeFacts({ label, features, tree, flush }: Target): PlaceFacts {
  return { ...features, label, inPlace: tree?.openDirectory !== undefined, flushes: flush !== undefined }
}

function pipelineFacts({ format, level, frame_bytes, part_size_bytes, recipients, encryption_key }: PipelineSpec): Manifest['pipeline'] {
  if (format === 'raw_tree_v1') return { format, encryption: 'none' }
  return {
    format,
    tar: 'pax',
    compression: 'zstd',
    level,
    frame_bytes,
    ...(recipients.length > 0 ? { encryption: 'age_x25519', recipients } : { encryption: 'none' }),
    ...(encryption_key === undefined ? {} : { encryption_key }),
    part_size_bytes,
  }
}

/** Tells what changed and what could not be read, and stops the run where its policies say so. */
function judge(
  report: PackReport,
  spec: FilesystemSource,
  emit: (kind: RunEventKind, message: string, fields: Record<string, unknown>, level: RunEvent['level']) => void,
): void {
  const { consistency, issues } = report
  if (hasFindings(consistency)) emit('source_consistency', 'source consistency warnings', { ...consistency }, 'warn')
  if (issues.total > 0) emit('issues', `${issues.total} entries could not be read`, { ...issues }, 'warn')
  if (issues.total > 0 && spec.error_policy !== 'skip_ok') {
    throw new BastionError('issues', `${issues.total} entries could not be read`, { details: { issues } })
  }
  const changed = consistency.changed_total + consistency.replaced_total + consistency.deleted_total
  if (spec.consistency_policy === 'fail' && changed > spec.consistency_fail_threshold) {
    throw new BastionError(
      'source_consistency',
      `${changed} files changed while they were read, more than the ${spec.consistency_fail_threshold} allowed`,
    )
  }
}

/** The manifest is clear: a reason may name a path. */
function withoutReason({ reason: _reason, units: _units, ...rest }: SnapshotSummary): SnapshotSummary {
  return rest
}

function canceled(signal: AbortSignal): BastionError {
  return signal.reason instanceof BastionError ? signal.reason : new BastionError('canceled', 'the backup was canceled', { cause: signal.reason })
}

/** What could not be read, was not there any more or was another thing may have been so because a snapshot is not whole any more: that is the cause then. */
function mayComeFromSource(error: unknown): boolean {
  return !(error instanceof BastionError) || error.code === 'issues' || error.code === 'source_consistency' || error.code === 'internal'
}

/** Sources and targets tell their own failures; what else a file call failed at is the run directory, where the entries index is spilled. */
function ownDiskError(error: unknown, runDirectory: string): unknown {
  if (error instanceof BastionError || !(error instanceof Error) || !('syscall' in error)) return error
  return new BastionError('internal', `the run directory ${runDirectory} cannot be written: ${error.message}`, {
    cause: error,
    hint: 'Free some space there, or let --data-dir name another place. Nothing is wrong with the source or the target.',
  })
}

import type { Clock } from '../core/clock.ts'
import { hasCode } from '../core/errors.ts'
import type { VerifyLevel } from '../core/operation.ts'
import type { Progress } from '../core/run-event.ts'
import { checkObjects } from './check-objects.ts'
import { createSample } from './entry-sample.ts'
import type { IndexedEntry } from './formats/index-entry.ts'
import type { Artifact } from './open-artifact.ts'
import { extractItemOf } from './restoring/extract-item.ts'
import { createLinkContent } from './restoring/link-content.ts'
import { openExtractor } from './restoring/open-extractor.ts'
import type { Target } from './targets/target.ts'

export interface VerifyReport {
  level: VerifyLevel
  ok: boolean
  objects: { expected: number; checked: number }
  entries: { expected: number; checked: number; bytes: number }
  damaged: { total: number; sample: { object: string; message: string }[] }
}

const maxSamples = 50

/**
 * Verifies an opened artifact (its marker and manifest are proven by then) link by link: objects and their sizes, part and index hashes, index lines, and the content of
 * entries against their hashes. Damage is reported, not thrown. `ok` needs everything that was to be checked to have been checked, and something to check.
 * @param request.sampleShare for `sample`: at least this share of the content, 0–1, and at least one entry
 * @param request.random 0 ≤ x < 1, decides the sample
 * @throws encryption_key_missing · the target's errors · canceled
 */
export async function verify(request: {
  target: Target
  artifact: Artifact
  level: VerifyLevel
  sampleShare: number
  random: () => number
  clock: Clock
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}): Promise<VerifyReport> {
  const { artifact, level, signal, clock } = request
  const { manifest } = artifact
  const report: VerifyReport = {
    level,
    ok: false,
    objects: { expected: 0, checked: 0 },
    entries: { expected: 0, checked: 0, bytes: 0 },
    damaged: { total: 0, sample: [] },
  }
  const damage = (object: string, message: string) => {
    report.damaged.total += 1
    if (report.damaged.sample.length < maxSamples) report.damaged.sample.push({ object, message })
  }

  report.objects = await checkObjects(request, { hashes: level === 'full', signal, onDamage: damage })

  // Of a raw tree the files are objects too.
  if (level !== 'chain' || manifest.pipeline.format === 'raw_tree_v1') await verifyEntries()
  const { entries } = report
  report.ok =
    report.damaged.total === 0 &&
    report.objects.checked === report.objects.expected &&
    report.objects.checked > 0 &&
    entries.checked === entries.expected
  return report

  async function verifyEntries(): Promise<void> {
    let toldMs = clock.now()
    const startedMs = toldMs
    try {
      const index = await artifact.index()
      await using extractor = await openExtractor(artifact, {
        damaged: false,
        restore: null,
        sizesOnly: level === 'chain',
        signal,
        onOutcome: (item, outcome) => {
          report.entries.checked += 1
          if (outcome.kind === 'done') report.entries.bytes += outcome.bytes
          else damage(Buffer.from(item.path, 'latin1').toString('utf8'), 'message' in outcome ? outcome.message : outcome.kind)
          const now = clock.now()
          if (now - toldMs < 1000) return
          toldMs = now
          const { bytes } = report.entries
          const rate = bytes / Math.max(0.001, (now - startedMs) / 1000)
          const { files, dirs, source_bytes } = manifest.totals
          request.onProgress({
            stage: 'verifying',
            done: { files: report.entries.checked, dirs: 0, bytes },
            total: { files, dirs, bytes: source_bytes },
            rate_bps: Math.round(rate),
            eta_s: rate === 0 ? null : Math.round((source_bytes - bytes) / rate),
            stored_bytes: 0,
          })
        },
      })
      const content = createLinkContent(index, extractor)
      const sample = createSample(level === 'sample' ? request.sampleShare : 1, manifest.totals.source_bytes, request.random)
      for await (const frame of index.scan()) {
        signal.throwIfAborted()
        for (const entry of frame) {
          content.note(entry)
          // Every line is checked for its form; sockets live in the index only.
          if (sample.takes(entry)) await check(entry)
        }
      }
      // Chance has taken small ones: others make up for it.
      if (!sample.isEnough()) {
        sample.again()
        for await (const frame of index.scan()) {
          signal.throwIfAborted()
          for (const entry of frame) if (sample.takesToo(entry)) await check(entry)
          if (sample.isEnough()) break
        }
      }
      await extractor.drain()

      async function check(entry: IndexedEntry): Promise<void> {
        report.entries.expected += 1
        if (entry.kind === 'hardlink' && !content.isNoted(entry.targetBytes!) && (await content.find(entry.targetBytes!)) === null) {
          damage(entry.path, 'links to nothing in the artifact')
        }
        if (extractor.holds(entry)) {
          const waiting = extractor.add(extractItemOf(entry), entry)
          if (waiting !== undefined) await waiting
        } else {
          report.entries.checked += 1
          if (entry.kind !== 'socket') damage(entry.path, 'has no place in the payload')
        }
      }
    } catch (error) {
      if (!hasCode(error, 'artifact_damaged')) throw error
      const { object } = error.details
      damage(typeof object === 'string' ? object : manifest.entry_index.name, error.message)
    }
  }
}

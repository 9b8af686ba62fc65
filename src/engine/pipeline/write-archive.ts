import { objectNames } from '../../core/artifact.ts'
import type { IndexHeader } from '../../core/entry.ts'
import type { ErrorPolicy } from '../../core/filesystem-source.ts'
import type { Manifest } from '../../core/manifest.ts'
import type { PipelineSpec } from '../../core/pipeline-spec.ts'
import { createAgeHeader } from '../crypto/age-header.ts'
import { encryptAge } from '../crypto/age-stream.ts'
import { createMemberPacker } from './member-packer.ts'
import { createPackPool } from './pack-pool.ts'
import { createSourcePacker, type PackReport } from './source-packer.ts'
import type { ProgressMeter } from '../progress-meter.ts'
import type { ComingItem } from '../sources/source.ts'
import { storeObject } from '../store-object.ts'
import type { Target } from '../targets/target.ts'
import { createIndexWriter } from '../formats/entries-index-writer.ts'
import { createPartsWriter, type StoredPart } from './parts-writer.ts'
import { createPayloadWriter } from './payload-writer.ts'
import { createSourceTools } from './source-tools.ts'
import { createSealingSink } from './sealing-sink.ts'

export interface ArchiveResult {
  report: PackReport
  parts: readonly StoredPart[]
  index: Manifest['entry_index']
  /** parts and index as stored */
  storedBytes: number
  tarBytes: number
}

/**
 * Packs a source into the parts and the index of an `archive_v1` artifact:
 * walk → threads (read, hash, tar, compress) → in order → [age] → parts → target; then the entries index.
 * @param options.accept called when everything is packed and before the index is stored; throws to stop the run
 * @throws BastionError; the signal's reason
 */
export async function writeArchive(options: {
  target: Target
  prefix: string
  pipeline: PipelineSpec
  entries: () => Iterable<ComingItem>
  errorPolicy: ErrorPolicy
  runDirectory: string
  signal: AbortSignal
  progress: ProgressMeter
  header: () => IndexHeader
  accept: (report: PackReport) => void
  onPart: (part: StoredPart) => void
}): Promise<ArchiveResult> {
  const { target, prefix, pipeline, signal, progress } = options
  const age = pipeline.recipients.length === 0 ? null : createAgeHeader(pipeline.recipients)
  await using pool = createPackPool({ level: pipeline.level, frameBytes: pipeline.frame_bytes, payloadKey: age?.payloadKey ?? null })
  // A thread may be at a frame for seconds: whoever waits for it hears of a cancel at once.
  const giveUp = () => void pool[Symbol.asyncDispose]()
  signal.addEventListener('abort', giveUp, { once: true })
  using _listening = { [Symbol.dispose]: () => signal.removeEventListener('abort', giveUp) }
  await using index = createIndexWriter({ spillDirectory: options.runDirectory })

  const parts = createPartsWriter({ target, prefix, partSizeBytes: pipeline.part_size_bytes, signal, onPart: options.onPart })
  if (age !== null) await parts.write(age.bytes)
  const payload = createPayloadWriter(age === null ? parts : createSealingSink(parts, pool))
  using packer = createSourcePacker({
    index,
    spillDirectory: options.runDirectory,
    errorPolicy: options.errorPolicy,
    createMembers: (onPacked) =>
      createMemberPacker({
        pool,
        payload,
        frameBytes: pipeline.frame_bytes,
        tools: createSourceTools(),
        signal,
        onPacked: (item, packed, line, place) => {
          onPacked(item, packed, line, place)
          progress.done(packed.kind, packed.contentBytes, parts.storedBytes)
        },
      }),
  })

  try {
    for (const coming of options.entries()) {
      const item = coming instanceof Promise ? await coming : coming
      if (item === null) continue
      const room = packer.add(item)
      if (room !== undefined) await room
      signal.throwIfAborted()
    }
    await packer.settle()
    signal.throwIfAborted()
    await payload.end()
  } catch (error) {
    await parts.abort(error)
    throw error
  }
  const { report } = packer
  options.accept(report)

  const name = age === null ? objectNames.index : objectNames.encryptedIndex
  const lines = index.finish(options.header(), report.replacements)
  const bytes = () => (age === null ? lines : encryptAge(lines, pipeline.recipients))
  const stored = await storeObject(target, `${prefix}/${name}`, bytes, signal)
  return {
    report,
    parts: parts.parts,
    index: { name, count: index.count, ...stored },
    storedBytes: parts.storedBytes + stored.size,
    tarBytes: payload.tarBytes,
  }
}

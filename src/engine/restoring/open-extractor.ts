import type { Artifact } from '../open-artifact.ts'
import type { ContentExtractor } from './content-extractor.ts'
import { createEntryExtractor, createExtractPool } from './extract-entries.ts'
import { createObjectExtractor } from './extract-objects.ts'
import type { ExtractItem, ExtractOutcome, ExtractThreadData } from './extract-protocol.ts'
import type { EntryPlacer } from './place-entry.ts'

/**
 * What reads the content of an artifact of either format.
 * @param options.damaged whether what is whole of a damaged payload will do
 * @param options.restore where to; `null` only checks
 * @param options.sizesOnly of files that are objects themselves, whether checking their sizes will do
 * @throws artifact_damaged · encryption_key_missing
 */
export async function openExtractor(
  artifact: Artifact,
  options: {
    damaged: boolean
    restore: { threads: Omit<ExtractThreadData, 'payloadKey'>; placer: EntryPlacer } | null
    sizesOnly?: boolean
    signal: AbortSignal
    onOutcome: (item: ExtractItem, outcome: ExtractOutcome) => void
  },
): Promise<ContentExtractor> {
  const { signal, onOutcome } = options
  const placer = options.restore?.placer ?? null
  if (artifact.manifest.pipeline.format === 'raw_tree_v1') {
    return createObjectExtractor({ place: artifact, placer, sizesOnly: options.sizesOnly === true, signal, onOutcome })
  }

  const payload = await (options.damaged ? artifact.salvagedPayload() : artifact.payload())
  const pool = createExtractPool({
    ...(options.restore?.threads ?? { rootFd: -1, conflict: 'fail', owners: false, fresh: false }),
    payloadKey: payload.sealed?.payloadKey ?? null,
  })
  const extractor = createEntryExtractor({ payload, pool, placer, signal, onOutcome })
  return {
    holds: (entry) => entry.at !== undefined,
    add: (item, entry) => extractor.add(item, entry.at![0], entry.supersedes === true),
    drain: () => extractor.drain(),
    async [Symbol.asyncDispose]() {
      await extractor[Symbol.asyncDispose]()
      await pool[Symbol.asyncDispose]()
    },
  }
}

import { BastionError } from '../../core/errors.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import type { IndexedEntry } from '../formats/index-entry.ts'
import type { Artifact } from '../open-artifact.ts'
import type { ContentExtractor } from './content-extractor.ts'
import type { ExtractItem, ExtractOutcome } from './extract-protocol.ts'
import { failureOutcome } from './failure-outcome.ts'
import { checkObjectSize, streamObject, type TreePlace } from './object-content.ts'
import type { EntryPlacer } from './place-entry.ts'

/** Files fetched at the same time: most of a small one's is waiting. */
const concurrentGets = 16
/** What is fetched whole and checked before a file is made of it. Together they are as much as is under way. */
const wholeBytes = 1024 * 1024

/**
 * Checks or restores the entries of a raw tree: files from their objects, the rest from the index.
 * @param options.placer restores; `null` only checks, `sizesOnly` without fetching anything
 * @param options.onOutcome called once for each item, in their order
 */
export function createObjectExtractor(options: {
  place: TreePlace & Pick<Artifact, 'index'>
  placer: EntryPlacer | null
  sizesOnly: boolean
  signal: AbortSignal
  onOutcome: (item: ExtractItem, outcome: ExtractOutcome) => void
}): ContentExtractor {
  const { place, placer, sizesOnly, onOutcome } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const lane = createOrderedLane(concurrentGets)

  async function extract(item: ExtractItem, entry: IndexedEntry): Promise<ExtractOutcome> {
    try {
      if (entry.kind === 'hardlink') await checkLink(entry)
      if (entry.kind === 'file' && sizesOnly) await checkObjectSize(place, entry)
      if (entry.kind === 'dir' || entry.kind === 'hardlink' || sizesOnly) return { kind: 'done', bytes: 0 }
      if (entry.kind !== 'file') return placer === null ? { kind: 'done', bytes: 0 } : placer.placeOther(item)
      return item.size <= wholeBytes ? await extractWhole(item, entry) : await extractLarge(item, entry)
    } catch (error) {
      return failureOutcome(item.to, error)
    }
  }

  async function checkLink({ path, targetBytes }: IndexedEntry): Promise<void> {
    const file = targetBytes === undefined ? null : await (await place.index()).find(targetBytes)
    if (file?.kind !== 'file') throw new BastionError('artifact_damaged', `${path} links to no file of the artifact`)
  }

  async function extractWhole(item: ExtractItem, entry: IndexedEntry): Promise<ExtractOutcome> {
    const chunks: Uint8Array[] = []
    await streamObject(place, entry, { signal, take: (bytes) => void chunks.push(bytes) })
    if (placer === null) return { kind: 'done', bytes: item.size }
    const begun = placer.beginFile(item)
    if ('outcome' in begun) return begun.outcome
    try {
      for (const chunk of chunks) begun.file.write(chunk)
    } catch (error) {
      begun.file.drop()
      throw error
    }
    return begun.file.place()
  }

  async function extractLarge(item: ExtractItem, entry: IndexedEntry): Promise<ExtractOutcome> {
    if (placer === null) {
      await streamObject(place, entry, { signal, take: () => {} })
      return { kind: 'done', bytes: item.size }
    }
    const begun = placer.beginFile(item)
    if ('outcome' in begun) return begun.outcome
    try {
      await streamObject(place, entry, { signal, take: (bytes) => begun.file.write(bytes) })
    } catch (error) {
      begun.file.drop()
      throw error
    }
    return begun.file.place()
  }

  return {
    holds: ({ kind }) => kind !== 'socket',
    add: (item, entry) =>
      lane.push(
        () => {
          signal.throwIfAborted()
          return extract(item, entry)
        },
        (outcome) => onOutcome(item, outcome),
      ),
    drain: () => lane.drain(),
    async [Symbol.asyncDispose]() {
      ending.abort()
      await lane.drain().catch(() => {}) // told to whoever drained before; here the fetching only has to end
    },
  }
}

import type { Entry } from '../../core/entry.ts'
import { type BytePath, fromPathText } from '../../lib/byte-path.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import { createIndexWriter } from '../formats/entries-index-writer.ts'
import { treeMetadataOf } from './tree-metadata.ts'
import type { TreeTask } from './tree-protocol.ts'

export type DescribedDirectory = Extract<TreeTask, { kind: 'directories' }>['directories'][number]

/** The directories of a tree, which get their metadata when nothing is made in them any more. */
export interface TreeDirectories extends AsyncDisposable {
  /** @param path above every path added before, in byte order · `line`: its open index line */
  add(path: BytePath, line: Uint8Array): void
  /** Ends the adding. @throws what describing throws, and the signal's reason */
  describeAll(): Promise<void>
}

const directoriesAtOnce = 500
/** compressed, in memory */
const maxLineBytes = 8 * 1024 * 1024
/** What the owner needs to open a directory and what is in it. */
const passableBits = 0o500

/**
 * @param options.spillDirectory for what memory is too small for
 * @param options.describe gives directories their metadata, in this order
 * @param options.sideBySide so many of these calls at once
 */
export function createTreeDirectories(options: {
  spillDirectory: string
  describe: (batch: DescribedDirectory[]) => Promise<void>
  sideBySide: number
  signal: AbortSignal
}): TreeDirectories {
  const { describe, sideBySide, signal } = options
  const lines = createIndexWriter({ spillDirectory: options.spillDirectory, memoryLimitBytes: maxLineBytes })

  /** The last one first. @param passable whether those that their owner may pass are meant, or the others */
  function* described(passable: boolean): Generator<DescribedDirectory> {
    for (const line of lines.scan({ reverse: true })) {
      const entry = JSON.parse(line) as Entry
      if (((entry.mode & passableBits) === passableBits) === passable)
        yield { path: fromPathText(entry.path, entry.path_b64), ...treeMetadataOf(entry) }
    }
  }

  async function describeBatches(passable: boolean, atOnce: number): Promise<void> {
    const lane = createOrderedLane(atOnce)
    for (const batch of batchesOf(described(passable))) {
      signal.throwIfAborted()
      await lane.push(
        () => describe(batch),
        () => {},
      )
    }
    await lane.drain()
  }

  return {
    add: (path, line) => lines.add(path, line, null),
    async describeAll() {
      // Those that their owner may pass are in nobody's way. The others are in the way of what is in them: the deepest first.
      await describeBatches(true, sideBySide)
      await describeBatches(false, 1)
    },
    [Symbol.asyncDispose]: () => lines[Symbol.asyncDispose](),
  }
}

function* batchesOf(directories: Iterable<DescribedDirectory>): Generator<DescribedDirectory[]> {
  let batch: DescribedDirectory[] = []
  for (const directory of directories) {
    batch.push(directory)
    if (batch.length < directoriesAtOnce) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

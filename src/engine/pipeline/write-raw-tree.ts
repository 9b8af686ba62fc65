import { objectNames } from '../../core/artifact.ts'
import type { IndexHeader } from '../../core/entry.ts'
import type { ErrorPolicy } from '../../core/filesystem-source.ts'
import type { Manifest } from '../../core/manifest.ts'
import { pathText } from '../../lib/byte-path.ts'
import { createIndexWriter } from '../formats/entries-index-writer.ts'
import { ownName } from '../formats/raw-tree-v1/object-name.ts'
import type { ProgressMeter } from '../progress-meter.ts'
import type { ComingItem } from '../sources/source.ts'
import { storeObject } from '../store-object.ts'
import { safestNames } from '../targets/name-rules.ts'
import type { Target } from '../targets/target.ts'
import { confirmTree } from './confirm-tree.ts'
import { createSourcePacker, type PackReport } from './source-packer.ts'
import { createTreeObjects } from './store-tree-objects.ts'
import { createSourceTools } from './source-tools.ts'
import { createTreeDirectories, type DescribedDirectory } from './tree-directories.ts'
import { createTreeNames } from './tree-names.ts'
import { createTreePacker, type Elsewhere } from './tree-packer.ts'
import { createTreePool } from './tree-pool.ts'

export interface RawTreeResult {
  report: PackReport
  parts: readonly []
  index: Manifest['entry_index']
  /** files and index as stored */
  storedBytes: number
  tarBytes: null
}

/**
 * Copies a source into the files and the index of a `raw_tree_v1` artifact: walk → threads (read, hash) → target; then the metadata of directories, for which nothing may
 * be made in them any more, and the entries index. Where the target's files are on this machine the threads write them.
 * @param options.inPlace whether threads write into the target's own directory
 * @param options.accept called when everything is stored and before the index is; throws to stop the run
 * @throws BastionError; the signal's reason
 */
export async function writeRawTree(options: {
  target: Target
  prefix: string
  inPlace: boolean
  wholeBytes: number
  entries: () => Iterable<ComingItem>
  errorPolicy: ErrorPolicy
  runDirectory: string
  signal: AbortSignal
  progress: ProgressMeter
  header: () => IndexHeader
  accept: (report: PackReport) => void
}): Promise<RawTreeResult> {
  const { target, prefix, inPlace, wholeBytes, signal, progress } = options
  const known = target.features.names ?? safestNames
  // Of a folder that threads write into, the filesystem itself says which names it takes for one.
  const rules = inPlace ? { ...known, caseSensitive: true as const, exactUnicode: true as const, controlCharacters: true as const } : known
  const elsewhere: Elsewhere = new Map()
  const stopped = new SharedArrayBuffer(4)
  const stop = () => void Atomics.store(new Int32Array(stopped), 0, 1)
  signal.addEventListener('abort', stop)
  let storedBytes = 0

  await using index = createIndexWriter({ spillDirectory: options.runDirectory })
  await using directory = inPlace ? await target.tree!.openDirectory!(prefix) : null
  await using pool = createTreePool({ wholeBytes, tree: directory === null ? null : { rootFd: directory.fd, label: target.label }, stopped })
  await using directories = createTreeDirectories({ spillDirectory: options.runDirectory, describe, sideBySide: pool.size, signal })
  const objects = inPlace ? null : createTreeObjects({ target, prefix, tools: createSourceTools(), signal, elsewhere })
  using packer = createSourcePacker({
    index,
    spillDirectory: options.runDirectory,
    errorPolicy: options.errorPolicy,
    createMembers: (onPacked) =>
      createTreePacker({
        pool,
        names: createTreeNames(rules, `${prefix}/${objectNames.tree}/`),
        elsewhere,
        objects,
        wholeBytes,
        finish: () => directories.describeAll(),
        onPacked: (item, packed, line, place) => {
          onPacked(item, packed, line, place)
          const isNew = packed.lineBytes > 0 && item.supersedes !== true
          if (packed.kind === 'dir' && isNew && target.tree !== undefined) directories.add(item.path, line)
          storedBytes += packed.contentBytes
          progress.done(packed.kind, packed.contentBytes, storedBytes)
        },
      }),
  })

  try {
    if (target.tree !== undefined) await target.tree.makeDirectory(`${prefix}/${objectNames.tree}`)
    for (const coming of options.entries()) {
      const item = coming instanceof Promise ? await coming : coming
      if (item === null) continue
      const room = packer.add(item)
      if (room !== undefined) await room
      signal.throwIfAborted()
    }
    await packer.settle()
    signal.throwIfAborted()
    await directory?.flush()
  } catch (error) {
    stop()
    await objects?.abort(error)
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
  const { report } = packer
  options.accept(report)
  if (objects !== null) {
    const { replacements, totals } = report
    const expected = { objects: totals.files, bytes: totals.source_bytes }
    await confirmTree({ target, prefix, expected, links: objects.links, lines: () => index.scan(), replacements, signal })
  }

  const lines = index.finish(options.header(), report.replacements)
  const stored = await storeObject(target, `${prefix}/${objectNames.index}`, () => lines, signal)
  return {
    report,
    parts: [],
    index: { name: objectNames.index, count: index.count, ...stored },
    storedBytes: report.totals.source_bytes + stored.size,
    tarBytes: null,
  }

  async function describe(batch: DescribedDirectory[]): Promise<void> {
    if (inPlace) await pool.run({ kind: 'directories', directories: batch })
    else {
      for (const { path, ...metadata } of batch) {
        const { text, b64 } = pathText(ownName(path))
        if (b64 === undefined) await target.tree?.setMetadata(`${prefix}/${text}`, metadata)
      }
    }
  }
}

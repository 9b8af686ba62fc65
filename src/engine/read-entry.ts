import { BastionError } from '../core/errors.ts'
import { type BytePath, pathText } from '../lib/byte-path.ts'
import type { IndexedEntry } from './formats/entries-index-reader.ts'
import type { Artifact } from './open-artifact.ts'
import { extractItemOf } from './restoring/extract-item.ts'
import { filled } from './restoring/sparse-layout.ts'
import { streamObject } from './restoring/object-content.ts'
import { frameAt, streamFile } from './restoring/stored-entry.ts'

/** The file at `path`, hard links followed. @throws entry_not_found */
export async function findFile(artifact: Artifact, path: BytePath): Promise<IndexedEntry> {
  const index = await artifact.index()
  const entry = await index.find(path)
  const file = entry?.kind === 'hardlink' && entry.targetBytes !== undefined ? await index.find(entry.targetBytes) : entry
  if (file === null) throw new BastionError('entry_not_found', `the artifact holds no /${pathText(path).text}`)
  if (file.kind !== 'file') throw new BastionError('entry_not_found', `/${pathText(path).text} is a ${file.kind}, not a file`)
  return file
}

/**
 * Gives the content of one file to `take`, reading only the frames, or the object, that hold it.
 * @param options.damaged whether what is whole of a damaged payload will do
 * @throws entry_not_found · artifact_damaged, when size or hash turn out wrong at the end
 */
export async function readEntry(
  artifact: Artifact,
  path: BytePath,
  options: { signal: AbortSignal; damaged?: boolean; take: (bytes: Uint8Array) => Promise<void> | void },
): Promise<void> {
  const file = await findFile(artifact, path)
  if (artifact.manifest.pipeline.format === 'raw_tree_v1') return streamObject(artifact, file, options)
  if (file.at === undefined) throw new BastionError('artifact_damaged', `/${pathText(path).text} has no place in the payload`)
  const payload = await (options.damaged === true ? artifact.salvagedPayload() : artifact.payload())
  let sparse: ReturnType<typeof filled> | null = null
  await streamFile(payload, extractItemOf(file), frameAt(payload, file.at[0]), {
    signal: options.signal,
    onSparse: (layout) => (sparse = filled(layout, options.take)),
    take: (bytes) => (sparse ?? options).take(bytes),
  })
  await (sparse as ReturnType<typeof filled> | null)?.end()
}

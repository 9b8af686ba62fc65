import { BastionError } from './errors.ts'
import type { FilesystemSource, HardlinkPolicy } from './filesystem-source.ts'
import { encryptedTreeMessage, mebibyte, type PipelineSpec } from './pipeline-spec.ts'

/** What a target can do, as far as it decides how the bytes travel. Absent means no. */
export interface PlaceFacts {
  label: string
  streamingPut?: true
  durablePut?: true
  realTree?: true
  names?: { caseSensitive?: true; exactUnicode?: true; controlCharacters?: true }
  /** This process can write below the target's own directory. */
  inPlace: boolean
  /** One call makes all that was stored durable. */
  flushes: boolean
}

/**
 * `archive`: tar in frames, in parts · `tree_in_place`: threads write files into the target's directory · `tree_objects`: each file is an object that is put.
 */
export type DataPathKind = 'archive' | 'tree_in_place' | 'tree_objects'

export interface Decision {
  what: string
  choice: string
  why: string
}

/** How a run's bytes get from the source to the target, and why so. Told before it begins and kept in its summary. */
export interface DataPath {
  path: DataPathKind
  hardlink_policy: HardlinkPolicy
  decisions: Decision[]
}

/** @throws invalid_spec for what cannot be had together */
export function planDataPath(source: FilesystemSource, pipeline: PipelineSpec, place: PlaceFacts): DataPath {
  const path: DataPathKind = pipeline.format === 'archive_v1' ? 'archive' : place.inPlace ? 'tree_in_place' : 'tree_objects'
  if (path !== 'archive' && pipeline.recipients.length > 0) throw new BastionError('invalid_spec', encryptedTreeMessage)
  const hardLinks = decideHardLinks(source, path, place)
  const decisions = [
    decideReading(source),
    decideDatabases(source),
    ...(path === 'archive' ? decideArchive(pipeline, place) : decideTree(path, place)),
  ]
  decisions.push({ what: 'hard links', choice: hardLinks.policy, why: hardLinks.why }, decideDurability(path, place))
  return { path, hardlink_policy: hardLinks.policy, decisions }
}

function decideReading({ snapshot_mode }: FilesystemSource): Decision {
  const what = 'source'
  if (snapshot_mode === 'off') return { what, choice: 'read live', why: 'no source snapshot is asked for' }
  if (snapshot_mode === 'required') return { what, choice: 'read from a snapshot', why: 'it is required: without one the run fails' }
  return { what, choice: 'read from a snapshot, else live', why: 'a snapshot is tried, and not insisted on' }
}

function decideDatabases({ sqlite_capture }: FilesystemSource): Decision {
  const what = 'SQLite databases'
  if (sqlite_capture === 'off') return { what, choice: 'as files', why: 'no capture is asked for' }
  return { what, choice: 'captured where they are read live', why: 'as their application would read them, each without its journals' }
}

function decideArchive({ part_size_bytes, frame_bytes, level, recipients }: PipelineSpec, place: PlaceFacts): Decision[] {
  const part = sizeText(part_size_bytes)
  return [
    {
      what: 'path',
      choice: 'one tar stream in parts',
      why: `archive_v1: frames of ${sizeText(frame_bytes)}, zstd level ${level}, each compressed by itself in threads`,
    },
    recipients.length === 0
      ? { what: 'encryption', choice: 'none', why: 'no recipient is given' }
      : {
          what: 'encryption',
          choice: `age for ${recipients.length} ${recipients.length === 1 ? 'recipient' : 'recipients'}`,
          why: 'in the threads, before anything leaves',
        },
    place.streamingPut
      ? { what: 'staging', choice: 'none', why: `${place.label} takes a part of ${part} while it is made` }
      : { what: 'staging', choice: 'memory', why: `${place.label} takes a part of ${part} only when it is whole` },
  ]
}

function decideTree(path: DataPathKind, place: PlaceFacts): Decision[] {
  const how: Decision =
    path === 'tree_in_place'
      ? {
          what: 'path',
          choice: 'files written in place',
          why: `raw_tree_v1: ${place.label} is a folder of this machine, and threads write into it; blocks are shared where the filesystem can`,
        }
      : { what: 'path', choice: 'a put for each file', why: `raw_tree_v1: ${place.label} is reached through its own requests` }
  return [
    how,
    place.realTree
      ? { what: 'directories and links', choice: 'made for real', why: `${place.label} can hold them; a link that it refuses is in the index only` }
      : { what: 'directories and links', choice: 'in the index only', why: `${place.label} keeps objects and nothing else` },
    decideNames(path, place),
  ]
}

function decideNames(path: DataPathKind, { label, names }: PlaceFacts): Decision {
  const what = 'odd names'
  if (path === 'tree_in_place') return { what, choice: 'those the filesystem refuses', why: 'it is asked for each name' }
  const unsure = [
    ...(names?.caseSensitive ? [] : ['names that differ in case only']),
    ...(names?.exactUnicode ? [] : ['names in another form than NFC']),
    ...(names?.controlCharacters ? [] : ['control characters']),
  ]
  if (unsure.length === 0) return { what, choice: 'those that are no text', why: `${label} keeps every other name as it is` }
  return { what, choice: ['those that are no text', ...unsure].join(', '), why: `${label} does not promise to keep them apart` }
}

function decideHardLinks(source: FilesystemSource, path: DataPathKind, place: PlaceFacts): { policy: HardlinkPolicy; why: string } {
  if (source.hardlink_policy !== undefined) return { policy: source.hardlink_policy, why: 'asked for' }
  if (path === 'archive') return { policy: 'keep', why: 'tar can say that two names are one file' }
  if (place.realTree) return { policy: 'keep', why: `${place.label} can hold two names of one file` }
  return { policy: 'copy', why: `in ${place.label} each name has to be a whole file to be opened without Bastion` }
}

function decideDurability(path: DataPathKind, place: PlaceFacts): Decision {
  const what = 'durability'
  if (place.flushes) return { what, choice: 'one flush before the complete marker', why: 'it covers everything stored until then' }
  if (path !== 'tree_in_place' && place.durablePut) return { what, choice: 'each object as it is stored', why: `${place.label} promises it` }
  return { what, choice: 'as the target does it', why: `${place.label} does not say when an object survives a power cut` }
}

function sizeText(bytes: number): string {
  return bytes >= mebibyte ? `${Math.round((bytes / mebibyte) * 10) / 10} MiB` : `${Math.round(bytes / 1024)} KiB`
}

import type { ConsistencyFinding } from '../../core/consistency.ts'
import type { FrozenGrade, Grade } from '../../core/grade.ts'
import { pathText } from '../../lib/byte-path.ts'
import type { FileFields } from './entry-metadata.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'

/** What the `sizeBytes` stored of a file are worth, by what happened while they were read; fewer read than stored means filled up with zeros. */
export function gradeOf(frozen: FrozenGrade | undefined, finding: ConsistencyFinding | null, sizeBytes: number, readBytes: number): Grade {
  const foundBytes = Math.max(finding?.sample.before?.size_bytes ?? 0, finding?.sample.after?.size_bytes ?? 0)
  if (readBytes < sizeBytes || (finding?.verdict === 'changed' && foundBytes > sizeBytes)) return 'torn'
  if (finding !== null) return 'changed'
  return frozen ?? 'stable'
}

/** @param fields all that is said of it, its grade too · `lineBytes` of its index line · `contentBytes` read of it, holes left out */
export function packedFile(fields: FileFields, skip: number, lineBytes: number, contentBytes: number): PackedItem {
  const packed: PackedItem = { lineBytes, skip, kind: 'file', contentBytes, grade: fields.grade ?? null }
  const holeBytes = (fields.sizeBytes ?? 0) - contentBytes
  if (holeBytes > 0) packed.holeBytes = holeBytes
  if (fields.flags?.includes('retried') === true) packed.retried = true
  if (fields.hardlinkGroup !== undefined) packed.holdsGroup = true
  return packed
}

export function notStored(item: PackItem, why: Pick<PackedItem, 'finding' | 'error'>): PackedItem {
  return { lineBytes: 0, skip: -1, kind: item.kind, contentBytes: 0, grade: null, ...why }
}

/**
 * Hard links stored before point to the member that is to be superseded: when its name has become another file since, that one would take the place of theirs.
 * @param holdsGroup whether the name is still the file it was
 */
export function mustNotSupersede(item: PackItem, holdsGroup: boolean): boolean {
  return item.supersedes === true && item.group !== undefined && !holdsGroup
}

export function replacedFinding(item: PackItem): ConsistencyFinding {
  return { verdict: 'replaced', sample: { path: pathText(item.path).text, reason: 'file_id_changed' } }
}

import type { Entry } from '../../core/entry.ts'
import type { TreeMetadata } from '../targets/target.ts'

/** What an index line says of an entry goes for the thing itself too, where it is made for real. */
export function treeMetadataOf({ mode, uid, gid, mtime_ns, xattrs = {} }: Entry): TreeMetadata {
  return { mode, uid, gid, mtimeNs: BigInt(mtime_ns), xattrs: Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]) }
}

import { createFileStater, type FileStater } from '../../lib/file-stat.ts'
import { createHoleFinder, type HoleFinder } from '../../lib/posix-holes.ts'
import { createXattrs, type Xattrs } from '../../lib/posix-xattr.ts'
import { loadUserNames, type UserNames } from '../../lib/user-names.ts'

/** What tells of a source file beside its bytes; one set for a thread. */
export interface SourceTools {
  names: UserNames
  stater: FileStater
  /** `null` where this system does not give attributes or holes to us */
  xattrs: Xattrs | null
  holes: HoleFinder | null
}

export function createSourceTools(): SourceTools {
  return { names: loadUserNames(), stater: createFileStater(), xattrs: createXattrs(), holes: createHoleFinder() }
}

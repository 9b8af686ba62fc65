import { readlinkSync } from 'node:fs'
import { type BytePath, fsPath, pathText } from '../../lib/byte-path.ts'
import type { FileStat, FileStater } from '../../lib/file-stat.ts'
import type { EntryFields } from '../formats/entry-line.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'
import { replacedFinding } from './packed-item.ts'
import { isGone, readErrorOf } from './read-file.ts'

/** What there is now of an entry without content of its own. `stat` is the stater's view. */
export interface LookedAt {
  stat: FileStat
  /** where a symbolic link points */
  link?: BytePath
  device?: NonNullable<EntryFields['device']>
}

/** Looks at a directory, a link, a special file or another name of a file once more; or says why it is not stored. */
export function lookAtOther(item: PackItem, physical: BytePath, stater: FileStater): LookedAt | Pick<PackedItem, 'finding' | 'error'> {
  try {
    const stat = stater.byPath(physical, item.followed === true)
    if (item.kind === 'hardlink') return { stat }
    if (!isStill(item.kind, stat)) return { finding: replacedFinding(item) }
    if (item.kind === 'symlink') return { stat, link: readlinkSync(fsPath(physical), { encoding: 'latin1' }) }
    if (item.kind === 'device') return { stat, device: { type: stat.isBlockDevice ? 'block' : 'char', ...stat.device } }
    return { stat }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    if (!isGone(error)) return readErrorOf(item, error)
    return { finding: { verdict: 'deleted', sample: { path: pathText(item.path).text, reason: 'stat_after_missing' } } }
  }
}

function isStill(kind: PackItem['kind'], stat: FileStat): boolean {
  switch (kind) {
    case 'dir':
      return stat.isDirectory
    case 'symlink':
      return stat.isSymbolicLink
    case 'fifo':
      return stat.isFifo
    case 'socket':
      return stat.isSocket
    case 'device':
      return stat.isBlockDevice || stat.isCharacterDevice
    default:
      return false
  }
}

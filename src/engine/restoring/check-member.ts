import { BastionError } from '../../core/errors.ts'
import { pathText } from '../../lib/byte-path.ts'
import type { Xattr } from '../../lib/posix-xattr.ts'
import { blockBytes } from '../formats/archive-v1/tar-fields.ts'
import type { TarMember } from '../formats/archive-v1/tar-header.ts'
import type { ExtractItem } from './extract-protocol.ts'

/** A member begins on a block of the frame it is said to begin in. @throws artifact_damaged */
export function checkPlace(item: ExtractItem, framePlainBytes: number): void {
  if (item.skip < framePlainBytes && item.skip % blockBytes === 0) return
  throw new BastionError('artifact_damaged', `${pathText(item.path).text} is not where the index says`)
}

/** The tar member at an entry's place must be that entry: what stock tar would restore is what the index describes. @throws artifact_damaged */
export function checkMember(item: ExtractItem, member: TarMember): void {
  const wrong =
    member.path !== item.path
      ? `is ${pathText(member.path).text}`
      : member.kind !== item.kind
        ? `is a ${member.kind}`
        : item.kind === 'file' && (member.sparse?.realSizeBytes ?? member.sizeBytes) !== item.size
          ? `has ${member.sparse?.realSizeBytes ?? member.sizeBytes} bytes`
          : (member.sparse !== undefined) !== (item.sparse === true)
            ? `is ${item.sparse === true ? 'not ' : ''}sparse`
            : !haveSameXattrs(item.xattrs ?? [], member.xattrs ?? [])
              ? 'has other extended attributes'
              : (item.kind === 'symlink' || item.kind === 'hardlink') && member.linkPath !== item.target
                ? 'points elsewhere'
                : null
  if (wrong !== null) throw new BastionError('artifact_damaged', `the member at the place of ${pathText(item.path).text} ${wrong}`)
}

function haveSameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  return a.length === b.length && a.every(([name, value]) => b.some(([other, stored]) => name === other && Buffer.compare(value, stored) === 0))
}

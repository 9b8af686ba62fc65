import type { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../../core/errors.ts'
import { pathText } from '../../lib/byte-path.ts'
import { encodeSparseMap, type TarMember } from '../formats/archive-v1/tar-header.ts'
import { readTarMember } from '../formats/archive-v1/tar-reader.ts'
import { checkMember, checkPlace } from './check-member.ts'
import type { ExtractItem } from './extract-protocol.ts'

/** A member that stands whole in a frame; of a file its data, its hash checked, without the holes of a sparse one. */
export interface WholeMember {
  data: Uint8Array
  sparse: TarMember['sparse']
}

/**
 * The member of an entry in the decompressed frame it begins in.
 * @returns `null` for a file that goes on in later frames
 * @throws artifact_damaged
 */
export function memberInFrame(item: ExtractItem, plain: Uint8Array, hasher: Blake3Hasher): WholeMember | null {
  checkPlace(item, plain.byteLength)
  const read = readTarMember(plain, item.skip)
  if (read.kind === 'need-more' && item.kind === 'file') return null
  if (read.kind !== 'member') throw new BastionError('artifact_damaged', `${pathText(item.path).text} is not where the index says`)
  checkMember(item, read.member)
  if (item.kind !== 'file') return { data: new Uint8Array(), sparse: undefined }
  const { sparse, sizeBytes } = read.member
  if (read.dataOffset + sizeBytes > plain.byteLength) return null
  const data = plain.subarray(read.dataOffset, read.dataOffset + sizeBytes)
  hasher.reset()
  if (sparse !== undefined) hasher.update(encodeSparseMap(sparse.map, sparse.realSizeBytes))
  if (hasher.update(data).digest('hex') !== item.hash)
    throw new BastionError('artifact_damaged', `${pathText(item.path).text} does not have the bytes its hash was made of`)
  return { data, sparse }
}

import { workerData } from 'node:worker_threads'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../../core/errors.ts'
import { pathText } from '../../lib/byte-path.ts'
import { answerTasks } from '../../lib/thread-answer.ts'
import { encodeSparseMap } from '../formats/archive-v1/tar-header.ts'
import { readTarMember } from '../formats/archive-v1/tar-reader.ts'
import { packError } from '../thread-errors.ts'
import { createDestination } from './destination.ts'
import type { ExtractAnswer, ExtractItem, ExtractOutcome, ExtractTask, ExtractThreadData } from './extract-protocol.ts'
import { decodeFrame } from './decode-frame.ts'
import { checkMember, checkPlace } from './check-member.ts'
import { failureOutcome } from './failure-outcome.ts'
import { createEntryPlacer } from './place-entry.ts'

/** A thread that decompresses frames and checks or restores the entries in them. */
const { rootFd, ...options } = workerData as ExtractThreadData
const placer = rootFd < 0 ? null : createEntryPlacer(createDestination(rootFd), options)
const hasher = new Blake3Hasher()

answerTasks<ExtractTask, ExtractAnswer>((task) => {
  const plain = decodeFrame(task.frame, task.plainSize)
  // Freed as soon as it is used, not when the collector gets to it: frames are large and come fast.
  ;(task.frame.buffer as ArrayBuffer).transfer(0)
  if (task.kind === 'decode') return { answer: { kind: 'decode', plain }, transfer: [plain.buffer as ArrayBuffer] }
  const outcomes = task.items.map((item) => handle(item, plain, task.restore))
  ;(plain.buffer as ArrayBuffer).transfer(0)
  return { answer: { kind: 'frame', outcomes } }
}, packError)

function handle(item: ExtractItem, plain: Uint8Array, restore: boolean): ExtractOutcome {
  try {
    checkPlace(item, plain.byteLength)
    const read = readTarMember(plain, item.skip)
    if (read.kind === 'need-more' && item.kind === 'file') return { kind: 'spans' }
    if (read.kind !== 'member') throw new BastionError('artifact_damaged', `${pathText(item.path).text} is not where the index says`)
    checkMember(item, read.member)
    if (item.kind === 'file') {
      const { sparse, sizeBytes } = read.member
      if (read.dataOffset + sizeBytes > plain.byteLength) return { kind: 'spans' }
      const data = plain.subarray(read.dataOffset, read.dataOffset + sizeBytes)
      hasher.reset()
      if (sparse !== undefined) hasher.update(encodeSparseMap(sparse.map, sparse.realSizeBytes))
      if (hasher.update(data).digest('hex') !== item.hash)
        throw new BastionError('artifact_damaged', `${pathText(item.path).text} does not have the bytes its hash was made of`)
      if (placer === null || !restore) return { kind: 'done', bytes: item.size }
      const begun = placer.beginFile(item)
      if ('outcome' in begun) return begun.outcome
      try {
        if (sparse !== undefined) begun.file.spread(sparse)
        begun.file.write(data)
      } catch (error) {
        begun.file.drop()
        throw error
      }
      return begun.file.place()
    }
    if (placer === null || !restore || item.kind === 'dir' || item.kind === 'hardlink') return { kind: 'done', bytes: 0 }
    return placer.placeOther(item)
  } catch (error) {
    return failureOutcome(item.to, error)
  }
}

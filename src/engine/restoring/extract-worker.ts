import { workerData } from 'node:worker_threads'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { answerTasks } from '../../lib/thread-answer.ts'
import { writeFully } from '../../lib/write-around-zeros.ts'
import { openSealedRange } from '../crypto/sealed-range.ts'
import { packError } from '../thread-errors.ts'
import { createDestination } from './destination.ts'
import type { ExtractAnswer, ExtractItem, ExtractOutcome, ExtractTask, ExtractThreadData, StoredFrame } from './extract-protocol.ts'
import { decodeFrame } from './decode-frame.ts'
import { failureOutcome } from './failure-outcome.ts'
import { memberInFrame } from './member-in-frame.ts'
import { createEntryPlacer } from './place-entry.ts'

/** A thread that decompresses frames and checks or restores the entries in them. */
const { rootFd, payloadKey, ...options } = workerData as ExtractThreadData
const placer = rootFd < 0 ? null : createEntryPlacer(createDestination(rootFd), options)
const hasher = new Blake3Hasher()

answerTasks<ExtractTask, ExtractAnswer>((task) => {
  const plain = decode(task.frame)
  if (task.kind === 'decode') {
    if (task.put !== undefined) writeFully(task.put.fd, plain.subarray(0, task.put.sizeBytes), task.put.position)
    return { answer: { kind: 'decode', plain }, transfer: [plain.buffer as ArrayBuffer] }
  }
  const outcomes = task.items.map((item) => handle(item, plain, task.restore))
  ;(plain.buffer as ArrayBuffer).transfer(0)
  return { answer: { kind: 'frame', outcomes } }
}, packError)

function decode({ bytes, plainSize, sealed }: StoredFrame): Uint8Array {
  const frame = sealed === undefined ? bytes : openSealedRange(payloadKey!, bytes, sealed)
  const plain = decodeFrame(frame, plainSize)
  // Freed as soon as it is used, not when the collector gets to it: frames are large and come fast.
  ;(frame.buffer as ArrayBuffer).transfer(0)
  if (frame !== bytes) (bytes.buffer as ArrayBuffer).transfer(0)
  return plain
}

function handle(item: ExtractItem, plain: Uint8Array, restore: boolean): ExtractOutcome {
  try {
    const member = memberInFrame(item, plain, hasher)
    if (member === null) return { kind: 'spans' }
    if (item.kind !== 'file') {
      if (placer === null || !restore || item.kind === 'dir' || item.kind === 'hardlink') return { kind: 'done', bytes: 0 }
      return placer.placeOther(item)
    }
    if (placer === null || !restore) return { kind: 'done', bytes: item.size }
    const begun = placer.beginFile(item)
    if ('outcome' in begun) return begun.outcome
    try {
      if (member.sparse !== undefined) begun.file.spread(member.sparse)
      begun.file.write(member.data)
    } catch (error) {
      begun.file.drop()
      throw error
    }
    return begun.file.place()
  } catch (error) {
    return failureOutcome(item.to, error)
  }
}

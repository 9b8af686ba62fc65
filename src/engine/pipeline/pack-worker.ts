import { workerData } from 'node:worker_threads'
import { answerTasks } from '../../lib/thread-answer.ts'
import { compressFrame } from '../../lib/zstd-frame.ts'
import { ageChunkBytes, ageTagBytes, sealChunk } from '../crypto/age-stream.ts'
import { createFrameBuilder } from './frame-builder.ts'
import { packError } from '../thread-errors.ts'
import { createSourceTools } from './source-tools.ts'
import type { PackAnswer, PackTask, PackThreadData } from './pack-protocol.ts'

/** A packing thread: reads and packs small files, compresses, encrypts. */
const { level, frameBytes, payloadKey } = workerData as PackThreadData
const builder = createFrameBuilder(frameBytes, createSourceTools())

answerTasks<PackTask, PackAnswer>((task) => {
  switch (task.kind) {
    case 'entries': {
      const { tar, items, lines } = builder.build(task.items, task.stats)
      ;(task.stats.buffer as ArrayBuffer).transfer(0)
      if (tar.byteLength === 0) return { answer: { kind: 'entries', frame: null, tarBytes: 0, items, lines } }
      const frame = compressFrame(tar, level)
      const copied = new Uint8Array(lines)
      return {
        answer: { kind: 'entries', frame, tarBytes: tar.byteLength, items, lines: copied },
        transfer: [frame.buffer as ArrayBuffer, copied.buffer],
      }
    }
    case 'bytes': {
      const frame = compressFrame(new Uint8Array(task.buffer, 0, task.length), level)
      return { answer: { kind: 'bytes', frame, buffer: task.buffer }, transfer: [frame.buffer as ArrayBuffer, task.buffer] }
    }
    case 'seal': {
      const sealed = seal(task)
      return { answer: { kind: 'seal', sealed, buffer: task.buffer }, transfer: [sealed.buffer as ArrayBuffer, task.buffer] }
    }
  }
}, packError)

function seal(task: Extract<PackTask, { kind: 'seal' }>): Uint8Array {
  if (payloadKey === null) throw new Error('a seal task came to a thread without a key')
  const plain = new Uint8Array(task.buffer, 0, task.length)
  const chunks = Math.max(1, Math.ceil(task.length / ageChunkBytes))
  const sealed = new Uint8Array(task.length + chunks * ageTagBytes)
  for (let i = 0; i < chunks; i++) {
    const chunk = plain.subarray(i * ageChunkBytes, (i + 1) * ageChunkBytes)
    sealChunk(payloadKey, task.firstChunk + i, task.last && i === chunks - 1, chunk, sealed, i * (ageChunkBytes + ageTagBytes))
  }
  return sealed
}

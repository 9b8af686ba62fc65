/**
 * Runs some cases of one reader in a process of its own and prints what came of them as JSON:
 * `BASTION_SEED=42 node test/support/fuzz/fuzz-process.ts READER FIRST COUNT [PROGRESS-FILE]`. Every case is a matter of seed, reader and number alone.
 */
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { seed } from '../seed.ts'
import { broken, type CaseOutcome, type Timed } from './fuzz-reader.ts'
import { caseStart, createRandom } from './random.ts'
import { type ReaderName, readers } from './readers.ts'

export interface FuzzResult {
  cases: number
  outcomes: Partial<Record<CaseOutcome, number>>
  /** of the processor, for one operation */
  slowestMs: number
  slowestCase: number
  peakBytes: number
  finds: { number: number; stack: string }[]
}

/** What one operation may cost, of the processor: on a busy machine the wall's clock says nothing. */
const maxOperationMs = 1000
const maxFinds = 5
/** Handles a process may have open more at its end than at its beginning. */
const spareHandles = 8

const [name = '', first = '', count = '', progressFile] = process.argv.slice(2)
const result: FuzzResult = { cases: 0, outcomes: {}, slowestMs: 0, slowestCase: 0, peakBytes: 0, finds: [] }
const progressFd = progressFile === undefined ? null : openSync(progressFile, 'w')
const progress = Buffer.alloc(8)
let number = Number(first)
const note = (error: unknown): void => {
  if (result.finds.length < maxFinds) result.finds.push({ number, stack: error instanceof Error ? tellable(error) : String(error) })
}
process.on('unhandledRejection', note)

const timed: Timed = async (operation) => {
  const before = process.cpuUsage()
  try {
    return await operation()
  } finally {
    const { user, system } = process.cpuUsage(before)
    const ms = (user + system) / 1000
    if (ms > result.slowestMs) Object.assign(result, { slowestMs: ms, slowestCase: number })
    if (ms > maxOperationMs) note(broken('no operation takes long', Math.round(ms)))
  }
}

await using reader = await readers[name as ReaderName].open()
let handlesBefore = 0
for (const end = number + Number(count); number < end && result.finds.length < maxFinds; number += 1) {
  if (progressFd !== null) {
    progress.writeDoubleLE(number)
    writeSync(progressFd, progress, 0, 8, 0)
  }
  try {
    const outcome = await reader.run(createRandom(caseStart(seed, name, number)), timed)
    result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1
  } catch (error) {
    note(error)
  }
  result.cases += 1
  // Only then is let go what the readers opened: zlib closes its handles in a turn of the loop.
  if (result.cases % 10 === 0) await setImmediate()
  if (result.cases === 1) handlesBefore = openHandles()
}
if (openHandles() > handlesBefore + spareHandles) note(broken('handles are closed', [handlesBefore, openHandles()]))
result.peakBytes = Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
process.stdout.write(JSON.stringify(result))

function openHandles(): number {
  return readdirSync('/proc/self/fd').length
}

function tellable(error: Error): string {
  const cause = error.cause instanceof Error ? `\n${tellable(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}

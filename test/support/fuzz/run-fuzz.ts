import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import type { Scale } from '../scale.ts'
import { seed } from '../seed.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { CaseOutcome } from './fuzz-reader.ts'
import type { FuzzResult } from './fuzz-process.ts'
import { type ReaderName, readers } from './readers.ts'

/** What came of all cases of one reader. */
export interface FuzzSummary {
  reader: ReaderName
  cases: number
  outcomes: Partial<Record<CaseOutcome, number>>
  slowestMs: number
  peakBytes: number
  /** each with the command that repeats it */
  finds: string[]
}

interface Job {
  reader: ReaderName
  first: number
  count: number
}

const program = path.join(import.meta.dirname, 'fuzz-process.ts')
/** A case that shows no progress for so many seconds hangs, however busy the machine is. */
const patienceSeconds = 120
/** Cases of one process, so that none grows old and all processors are busy to the end. */
const jobCases: Partial<Record<ReaderName, number>> = { artifact: 500, 'raw-tree': 500, index: 5000, 'age-payload': 5000 }
const jobCasesElsewhere = 20_000

/** Runs every reader in several processes, one on each processor. */
export async function runFuzz(scale: Scale): Promise<FuzzSummary[]> {
  await using folder = await temporaryFolder()
  const summaries = new Map<ReaderName, FuzzSummary>()
  const waiting = jobsOf(scale)
  const work = async (processor: string): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) add(summaries, job, await runJob(job, processor, folder.path))
  }
  await Promise.all(processors().map(work))
  return [...summaries.values()]
}

/** The dear ones first. */
function jobsOf(scale: Scale): Job[] {
  return (Object.keys(readers) as ReaderName[]).toReversed().flatMap((reader) => {
    const total = readers[reader].cases[scale === 'full' ? 1 : 0]
    const most = jobCases[reader] ?? jobCasesElsewhere
    return Array.from({ length: Math.ceil(total / most) }, (_, i) => ({ reader, first: i * most, count: Math.min(most, total - i * most) }))
  })
}

/** The processors this process may use (proc_pid_status(5)), as `taskset` takes them. */
function processors(): string[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const numbers = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
  })
  return numbers.slice(0, availableParallelism())
}

function add(summaries: Map<ReaderName, FuzzSummary>, { reader }: Job, result: FuzzResult): void {
  const summary = summaries.get(reader) ?? { reader, cases: 0, outcomes: {}, slowestMs: 0, peakBytes: 0, finds: [] }
  summary.cases += result.cases
  for (const [outcome, count] of Object.entries(result.outcomes) as [CaseOutcome, number][]) {
    summary.outcomes[outcome] = (summary.outcomes[outcome] ?? 0) + count
  }
  summary.slowestMs = Math.max(summary.slowestMs, result.slowestMs)
  summary.peakBytes = Math.max(summary.peakBytes, result.peakBytes)
  for (const { number, stack } of result.finds) {
    const command = `BASTION_SEED=${seed} node_modules/.bin/node test/support/fuzz/fuzz-process.ts ${reader} ${number} 1`
    summary.finds.push(`${command}\n${stack}`)
  }
  summaries.set(reader, summary)
}

/** On one processor, where an engine has one thread of each kind: it is the number of cases that counts here. */
async function runJob({ reader, first, count }: Job, processor: string, folder: string): Promise<FuzzResult> {
  const progressFile = path.join(folder, `progress-${processor}`)
  const child = spawn('taskset', ['-c', processor, process.execPath, program, reader, String(first), String(count), progressFile], {
    // Threads of each restore are compiled once: that is most of the time they would take.
    env: { ...process.env, BASTION_SEED: String(seed), NODE_COMPILE_CACHE: path.join(folder, 'compiled') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => (output[stream] += chunk.toString()))

  let seen = -1
  let seconds = 0
  const watch = setInterval(() => {
    const number = reached(progressFile)
    // Counted, not measured: while all of it is held nothing is amiss.
    seconds = number === seen ? seconds + 1 : 0
    seen = number
    if (seconds > patienceSeconds) child.kill('SIGKILL')
  }, 1000)
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearInterval(watch)
  if (code === 0) return JSON.parse(output.stdout) as FuzzResult
  const number = Math.max(first, reached(progressFile))
  const stack = `the process ended with ${String(code ?? child.signalCode)} in this case\n${output.stderr.slice(-2000)}`
  return { cases: number - first, outcomes: {}, slowestMs: 0, slowestCase: number, peakBytes: 0, finds: [{ number, stack }] }
}

/** The number of the case a process is at. */
function reached(progressFile: string): number {
  try {
    return readFileSync(progressFile).readDoubleLE(0)
  } catch {
    return -1 // not begun
  }
}

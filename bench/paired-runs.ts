import { mkdirSync, renameSync, rmSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { type Measurement, measure, type Pipeline, runQuietly } from './measure.ts'

/** One of the two that are compared. */
export interface Contender {
  pipeline(output: string): Pipeline
}

export interface PairedRun {
  /** which of the two ran first in this round */
  first: Side
  ours: Measurement
  peer: Measurement
}

export type Side = 'ours' | 'peer'

/** Where runs put what they make, and where that goes afterwards. */
export interface Workshop extends Disposable {
  /** A new empty folder. */
  folder(): string
  /** Gets rid of a folder without disturbing what is timed next. */
  discard(folder: string): void
}

const tmpfsMagic = 0x0102_1994

/**
 * On a disk, removing a tree slows down the making of the next one (ext4: 200 µs a file), so there everything is removed at the end; in memory at once, since memory is short.
 */
export function openWorkshop(directory: string): Workshop & { inMemory: boolean } {
  const root = path.join(directory, `bastion-bench-${process.pid}`)
  mkdirSync(root)
  const inMemory = statfsSync(root).type === tmpfsMagic
  let count = 0
  return {
    inMemory,
    folder() {
      const folder = path.join(root, `run-${++count}`)
      mkdirSync(folder)
      return folder
    },
    discard(folder) {
      const away = path.join(root, `old-${path.basename(folder)}`)
      renameSync(folder, away)
      if (inMemory) rmSync(away, { recursive: true, force: true })
    },
    [Symbol.dispose]() {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/**
 * Runs both, one after the other, round by round, taking turns in who is first: what the machine does meanwhile meets both, and only the ratio within a round counts.
 * @param onOutput is given what each run made, once it is timed; answers whether to keep it
 */
export async function runPairs(options: {
  workshop: Workshop & { inMemory: boolean }
  contenders: Record<Side, Contender>
  rounds: number
  onOutput: (side: Side, output: string, round: number) => Promise<'keep' | 'discard'>
}): Promise<PairedRun[]> {
  const { workshop, contenders, rounds, onOutput } = options
  const runs: PairedRun[] = []

  async function runOne(side: Side, round: number): Promise<Measurement> {
    const output = workshop.folder()
    // What the last run left to be written would be written during this one.
    if (!workshop.inMemory) await runQuietly(['sync', '-f', output])
    const measured = await measure(contenders[side].pipeline(output))
    if ((await onOutput(side, output, round)) === 'discard') workshop.discard(output)
    return measured
  }

  for (let round = 0; round < rounds; round++) {
    const first: Side = round % 2 === 0 ? 'ours' : 'peer'
    const before = await runOne(first, round)
    const after = await runOne(first === 'ours' ? 'peer' : 'ours', round)
    runs.push(first === 'ours' ? { first, ours: before, peer: after } : { first, ours: after, peer: before })
  }
  return runs
}

/** Reads a whole tree, so that it comes from memory from now on. */
export async function warm(tree: string): Promise<void> {
  await measure([
    ['tar', '-cf', '-', '-C', tree, '.'],
    ['wc', '-c'],
  ])
}

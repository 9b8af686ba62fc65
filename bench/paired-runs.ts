import { type Command, type Measurement, measure } from './measure.ts'

/** One of the two that are compared. Only the command is timed. */
export interface Contender<Output> {
  prepare(): Promise<Output>
  command(output: Output): Command
  /** Looks at what the run made, and keeps it or gets rid of it. */
  finish(output: Output, round: number): Promise<void>
}

export interface PairedRun {
  /** which of the two ran first in this round */
  first: Side
  ours: Measurement
  peer: Measurement
}

export type Side = 'ours' | 'peer'

/**
 * Runs both, one after the other, round by round, taking turns in who is first: what the machine does meanwhile meets both, and only the ratio within a round counts.
 * @param options.settle is waited for before each timed run
 */
export async function runPairs<Output>(options: {
  contenders: Record<Side, Contender<Output>>
  rounds: number
  settle: () => Promise<void>
  signal: AbortSignal
}): Promise<PairedRun[]> {
  const { contenders, rounds, settle, signal } = options
  const runs: PairedRun[] = []

  async function runOne(side: Side, round: number): Promise<Measurement> {
    signal.throwIfAborted()
    const contender = contenders[side]
    const output = await contender.prepare()
    await settle()
    const measured = await measure(contender.command(output), signal)
    await contender.finish(output, round)
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

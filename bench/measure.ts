import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const maxOutputBytes = 64 * 1024 * 1024

/** Programs whose outputs flow into each other, each as its arguments: no shell in between, so its quoting and its own cost are out of the picture. */
export type Pipeline = readonly (readonly string[])[]

export interface Measurement {
  wallS: number
  /** user and system, of all stages and their children */
  cpuS: number
  /** the sum of each stage's largest resident size: what a pipeline needs at most */
  peakBytes: number
}

interface Measured {
  wall_s: number
  stages: { exit_code: number; cpu_s: number; peak_bytes: number }[]
}

/**
 * Runs a pipeline and asks the kernel what it took.
 * @throws Error when a stage fails, with what it said
 */
export async function measure(pipeline: Pipeline, options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Measurement> {
  const script = fileURLToPath(new URL('measure.py', import.meta.url))
  const spec = JSON.stringify({ stages: pipeline, cwd: options.cwd ?? null })
  const { stdout, stderr } = await exec('python3', [script, spec], { env: options.env ?? process.env, maxBuffer: maxOutputBytes })
  const { wall_s: wallS, stages } = JSON.parse(stdout) as Measured
  const failed = stages.findIndex((stage) => stage.exit_code !== 0)
  if (failed >= 0) throw new Error(`${pipeline[failed]!.join(' ')} ended with ${stages[failed]!.exit_code}: ${stderr}`)
  return { wallS, cpuS: sum(stages.map((stage) => stage.cpu_s)), peakBytes: sum(stages.map((stage) => stage.peak_bytes)) }
}

/** @returns what it said on standard output; stderr where that is empty, as of `age --version` of old */
export async function runQuietly(command: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const [program = '', ...args] = command
  const { stdout, stderr } = await exec(program, args, { ...options, maxBuffer: maxOutputBytes })
  return stdout === '' ? stderr : stdout
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

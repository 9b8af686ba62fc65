import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const maxOutputBytes = 64 * 1024 * 1024
/** Where a version manager stands before the system's own, a script looks for it first, and takes longer than many a stage. */
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** Programs whose outputs flow into each other, each as its arguments: no shell in between, so its quoting and its own cost are out of the picture. */
export type Pipeline = readonly (readonly string[])[]

export interface Command {
  stages: Pipeline
  cwd?: string
  /** besides what this process has */
  env?: NodeJS.ProcessEnv
}

export interface Measurement {
  wallS: number
  /** user and system, of all stages with their threads and children */
  cpuS: number
  /** the sum of each stage's largest resident size: what a pipeline needs at most */
  peakBytes: number
}

interface Measured {
  wall_s: number
  stages: { exit_code: number; cpu_s: number; peak_bytes: number }[]
}

/**
 * Runs a command and asks the kernel what it took.
 * @param signal ends all of it
 * @throws Error when a stage fails, with what it said
 */
export async function measure({ stages, cwd, env }: Command, signal?: AbortSignal): Promise<Measurement> {
  const script = fileURLToPath(new URL('measure.py', import.meta.url))
  const spec = JSON.stringify({ stages, cwd: cwd ?? null })
  const options = { env: environment(env), maxBuffer: maxOutputBytes, ...(signal === undefined ? {} : { signal }) }
  const { stdout, stderr } = await exec(python, ['-I', '-S', script, spec], options)
  const measured = JSON.parse(stdout) as Measured
  const failed = measured.stages.findIndex((stage) => stage.exit_code !== 0)
  if (failed >= 0) throw new Error(`${stages[failed]!.join(' ')} ended with ${measured.stages[failed]!.exit_code}: ${stderr}`)
  return {
    wallS: measured.wall_s,
    cpuS: sum(measured.stages.map((stage) => stage.cpu_s)),
    peakBytes: sum(measured.stages.map((stage) => stage.peak_bytes)),
  }
}

/** @returns what it said on standard output; stderr where that is empty, as of `age --version` of old */
export async function runQuietly(command: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  const [program = '', ...args] = command
  const { stdout, stderr } = await exec(program, args, { ...options, env: environment(options.env), maxBuffer: maxOutputBytes })
  return stdout === '' ? stderr : stdout
}

/** Settings of the person who measures are not part of what is measured: each of these programs has variables that stand for options, or name repositories. */
const settings = /^(AWS|BASTION|BORG|RCLONE|RESTIC|RSYNC|TAR|ZSTD)_/

function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name))), ...extra }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { bastionProgram } from './bastion-program.ts'
import { peakFileVariable } from './report-peak.ts'

const peakModule = path.join(import.meta.dirname, 'report-peak.ts')

/** How a process ended. */
export interface ProcessEnd {
  /** `null` when a signal ended it */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  durationMs: number
}

/** A process that leads a group of its own, as one started from a shell does. */
export interface RunningProcess {
  readonly pid: number
  readonly ended: Promise<ProcessEnd>
  /** Whether `ended` is settled. */
  readonly hasEnded: boolean
  /** Signals the whole group; nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void
}

export interface BastionOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** A program with its arguments that gets ours after them, such as strace. */
  under?: readonly string[]
  /** Where the process writes its peak memory when it exits; read it with `readPeakBytes`. */
  peakFile?: string
}

/** Starts `bastion ARGS…`. */
export function startBastion(args: readonly string[], options: BastionOptions = {}): RunningProcess {
  const peak = options.peakFile === undefined ? [] : ['--import', peakModule]
  return startProcess([...(options.under ?? []), process.execPath, ...peak, bastionProgram, ...args], {
    ...options,
    env: { ...options.env, ...(options.peakFile === undefined ? {} : { [peakFileVariable]: options.peakFile }) },
  })
}

/** `bastion ARGS…`, to its end. */
export function runBastion(args: readonly string[], options: BastionOptions = {}): Promise<ProcessEnd> {
  return startBastion(args, options).ended
}

/** As `runBastion`. @throws Error with all it said unless it exits with one of `codes` */
export async function bastion(args: readonly string[], options: BastionOptions & { codes?: readonly number[] } = {}): Promise<ProcessEnd> {
  const end = await runBastion(args, options)
  if (end.code === null || !(options.codes ?? [0]).includes(end.code)) {
    throw new Error(`bastion ${args.join(' ')}: ${String(end.code ?? end.signal)}\n${end.stdout}${end.stderr}`)
  }
  return end
}

/** Starts a command without a shell. Nothing of our own settings reaches it. */
export function startProcess(command: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): RunningProcess {
  const [file, ...args] = command
  const { INIT_CWD: _, ...inherited } = process.env
  const ours = Object.keys(inherited).filter((name) => name.startsWith('BASTION_'))
  for (const name of ours) delete inherited[name]
  const startedAt = performance.now()
  const child = spawn(file!, args, {
    cwd: options.cwd ?? process.cwd(),
    env: { ...inherited, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let hasEnded = false
  const ended = outcomeOf(child, startedAt).finally(() => (hasEnded = true))
  ended.catch(() => {}) // for whoever awaits it
  return {
    pid: child.pid ?? -1,
    ended,
    get hasEnded() {
      return hasEnded
    },
    signal(signal) {
      if (child.pid === undefined || hasEnded) return
      try {
        process.kill(-child.pid, signal)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    },
  }
}

function outcomeOf(child: ChildProcess, startedAt: number): Promise<ProcessEnd> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const durationMs = performance.now() - startedAt
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), durationMs })
    })
  })
}

/** What `--json` printed. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** The code of the error a command that was given `--json` ended with; absent when there was none. */
export function errorCodeOf(end: ProcessEnd): unknown {
  return jsonLines(end.stdout).find(({ kind }) => kind === 'error')?.['code']
}

/** `JOB/RUN` of a backup that was given `--json`. */
export function artifactOf(end: ProcessEnd): string {
  const result = jsonLines(end.stdout).find(({ kind }) => kind === 'result')
  if (typeof result?.['artifact'] !== 'string') throw new Error(`no result in ${end.stdout}${end.stderr}`)
  return result['artifact']
}

/** The most memory the process held resident at once, its threads included. */
export function readPeakBytes(peakFile: string): number {
  return Number(readFileSync(peakFile, 'utf8'))
}

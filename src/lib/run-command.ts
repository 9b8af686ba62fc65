import { spawn } from 'node:child_process'

export interface Command {
  /** absolute path of the program */
  file: string
  /** each reaches the program as it is: no shell reads them */
  args: readonly string[]
  timeoutMs: number
  /** file descriptors the program inherits, as 3, 4, …: `/proc/self/fd/3` in `args` is then the first of them, whatever its name is now */
  fds?: readonly number[]
  /** beside LC_ALL and PATH */
  env?: Readonly<Record<string, string>>
}

export interface CommandResult {
  /** `null` when a signal ended it, also ours after `timeoutMs` */
  code: number | null
  timedOut: boolean
  /** one character a byte, at most 4 MiB */
  stdout: string
  /** at most 64 KiB */
  stderr: string
}

/** Runs a program to its end. @throws Error when it cannot be started, or does not end when it is killed */
export type CommandRunner = (command: Command) => Promise<CommandResult>

const maxStdoutBytes = 4 * 1024 * 1024
const maxStderrBytes = 64 * 1024
/** A program inside the kernel ends when the kernel lets it. Longer than that nobody waits. */
const killGraceMs = 30_000

export const runCommand: CommandRunner = ({ file, args, timeoutMs, fds = [], env = {} }) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: { LC_ALL: 'C', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...fds],
      shell: false,
      windowsHide: true,
    })
    const stdout = collector(maxStdoutBytes)
    const stderr = collector(maxStderrBytes)
    child.stdout!.on('data', stdout.take)
    child.stderr!.on('data', stderr.take)
    let timedOut = false
    let giveUp: NodeJS.Timeout | undefined
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
      giveUp = setTimeout(() => reject(new Error(`${file} does not end, even killed`)), killGraceMs)
    }, timeoutMs)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      clearTimeout(giveUp)
      resolve({ code, timedOut, stdout: stdout.bytes().toString('latin1'), stderr: stderr.bytes().toString('utf8') })
    })
  })

/** What is beyond the bound is read and dropped, so that the program does not stand still. */
function collector(maxBytes: number): { take(chunk: Buffer): void; bytes(): Buffer } {
  const chunks: Buffer[] = []
  let size = 0
  return {
    take(chunk) {
      if (size < maxBytes) chunks.push(chunk.subarray(0, maxBytes - size))
      size += chunk.length
    },
    bytes: () => Buffer.concat(chunks),
  }
}

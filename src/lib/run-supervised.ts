import { spawn } from 'node:child_process'

export interface SupervisedCommand {
  /** absolute path of the program, and its arguments: no shell reads them */
  command: readonly string[]
  timeoutMs: number
  /** beside LC_ALL and PATH */
  env: Readonly<Record<string, string>>
}

export interface SupervisedResult {
  /** `null` when a signal ended it, or it could not be started */
  code: number | null
  timedOut: boolean
  /** the end of what it said, stdout and stderr together */
  output: string
}

const maxOutputBytes = 4096
/** Between asking it to end and making it. */
const killAfterMs = 5000
/** What it has left behind may hold its output open: so long is waited for the rest. */
const drainMs = 500

/**
 * Runs somebody's command to its end in a process group of its own, which a key pressed at a terminal does not reach. When time is up, or on `signal`, all of the group is ended.
 * A command that cannot be started has failed like any other.
 */
export function runSupervised({ command, timeoutMs, env }: SupervisedCommand, signal: AbortSignal): Promise<SupervisedResult> {
  return new Promise((resolve) => {
    const [file = '', ...args] = command
    const child = spawn(file, args, {
      cwd: '/',
      env: { LC_ALL: 'C.UTF-8', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: false,
      detached: true,
      windowsHide: true,
    })
    let output = Buffer.alloc(0)
    let timedOut = false
    let killing: NodeJS.Timeout | undefined
    const take = (chunk: Buffer) => (output = Buffer.concat([output, chunk]).subarray(-maxOutputBytes))
    child.stdout.on('data', take)
    child.stderr.on('data', take)

    const send = (name: NodeJS.Signals) => {
      try {
        process.kill(-child.pid!, name)
      } catch {
        // there is none of it any more
      }
    }
    const end = () => {
      if (child.pid === undefined) return
      send('SIGTERM')
      killing ??= setTimeout(() => send('SIGKILL'), killAfterMs)
    }
    const timer = setTimeout(() => {
      timedOut = true
      end()
    }, timeoutMs)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })

    const done = (code: number | null) => {
      clearTimeout(timer)
      clearTimeout(killing)
      signal.removeEventListener('abort', end)
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({ code, timedOut, output: output.toString('utf8') })
    }
    child.once('error', (error) => {
      take(Buffer.from(error.message))
      done(null)
    })
    child.once('exit', (code) => {
      // Of its group, what does not end by itself is left to a program that was ended; one that has ended may leave something running.
      if (killing !== undefined) send('SIGKILL')
      const drained = setTimeout(() => done(code), drainMs)
      child.once('close', () => {
        clearTimeout(drained)
        done(code)
      })
    })
  })
}

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { readLines } from '../../src/lib/json-lines.ts'
import { admin, createBrowser, type HttpBrowser } from './http-hub.ts'

const program = path.join(import.meta.dirname, '../../dist/main.js')

/** Why there is no program to start, as the reason of a skipped test; absent when there is one. */
export const whyNoProgram = existsSync(program) ? undefined : 'not built: npm run build'

/** `bastion hub` as it is installed, a process of its own with its node. What it starts outlives it. */
export interface HubServer extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** what it said on stderr: its log */
  readonly log: string
  /** kill -9 */
  kill(): Promise<void>
  /** Asks it to stop. @returns its exit code */
  stop(): Promise<number | null>
}

export interface HubServerOptions {
  dataDir: string
  args?: readonly string[]
  env?: NodeJS.ProcessEnv
  /** A program with its arguments that gets ours after them and becomes it, so that the pid is the Hub's. */
  under?: readonly string[]
}

/** On a free port of the loopback; it listens when this resolves. It ends with the process that started it. */
export async function startHubServer({ dataDir, args = [], env = {}, under = [] }: HubServerOptions): Promise<HubServer> {
  const command = [...under, process.execPath, program, 'hub', '--data-dir', dataDir, '--port', '0', ...args]
  const hub = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let log = ''
  hub.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => hub.once('exit', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    readLines(hub.stdout, {
      maxLineBytes: 64 * 1024,
      onLine(line) {
        const found = / listens on (\S+)$/.exec(line)?.[1]
        if (found !== undefined) resolve(found)
      },
    })
    hub.once('error', reject)
    void ended.then((code) => reject(new Error(`the Hub ended with ${String(code)}: ${log}`)))
  })
  const send = async (signal: NodeJS.Signals) => {
    hub.kill(signal)
    return await ended
  }
  return {
    url,
    pid: hub.pid!,
    get log() {
      return log
    },
    kill: async () => void (await send('SIGKILL')),
    stop: () => send('SIGTERM'),
    async [Symbol.asyncDispose]() {
      await send('SIGKILL')
    },
  }
}

/** A browser in which the administrator is signed in, who is made when there is none. */
export async function signIn({ url }: Pick<HubServer, 'url'>): Promise<HttpBrowser> {
  const browser = createBrowser(url)
  const { setup, auth } = browser.client
  const { csrf_token } = (await setup.status()).initialized ? await auth.login({ body: admin }) : await setup.initialize({ body: admin })
  browser.csrfToken = csrf_token
  return browser
}

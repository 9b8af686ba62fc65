import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { temporaryFolder } from '../temporary-folder.ts'
import { freePort } from './free-port.ts'

const exec = promisify(execFile)
const sshd = '/usr/sbin/sshd'

/** A real sshd on loopback, with keys and a configuration of its own. Stopped, sessions too, when it is disposed of. */
export interface OpensshServer extends AsyncDisposable {
  readonly port: number
  readonly username: string
  /** of the host key */
  readonly fingerprint: string
  /** text of the key that opens the account */
  readonly privateKey: string
  readonly privateKeyFile: string
  /** Where tests may put what they want served. */
  readonly folder: string
  /** what its SFTP server writes down of requests, a line each */
  readonly accessLog: string
  /** Processes that serve somebody who was let in. */
  sessions(): Promise<number[]>
}

/** Why there can be no sshd here, as the reason of a skipped test; absent when there can. */
export function whyNoOpenssh(): string | undefined {
  return existsSync(sshd) ? undefined : 'no sshd'
}

export async function startOpenssh(): Promise<OpensshServer> {
  const folder = await temporaryFolder()
  try {
    return await startIn(folder)
  } catch (error) {
    await folder[Symbol.asyncDispose]()
    throw error
  }
}

async function startIn(folder: AsyncDisposable & { readonly path: string }): Promise<OpensshServer> {
  const file = (name: string): string => path.join(folder.path, name)
  await mkdir(file('served'))
  const fingerprint = await makeKey(file('host-key'))
  await makeKey(file('user-key'))
  // Where sshd, as root, has its helper live; Debian's service makes it when it starts.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  await writeFile(
    file('sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${file('host-key')}`,
      `AuthorizedKeysFile ${file('user-key')}.pub`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'MaxStartups 100',
      // By the account's shell.
      `Subsystem sftp /usr/lib/openssh/sftp-server -e -l INFO 2>> '${file('access.log')}'`,
      '',
    ].join('\n'),
  )
  const daemon = spawn(sshd, ['-D', '-e', '-f', file('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said = text(daemon.stderr)
  const ended = new Promise<void>((resolve) => daemon.once('close', () => resolve()))
  await Promise.race([
    waitForBanner(port),
    ended.then(async () => {
      throw new Error(`sshd ended: ${await said}`)
    }),
  ])
  return {
    port,
    username: userInfo().username,
    fingerprint,
    privateKey: await readFile(file('user-key'), 'utf8'),
    privateKeyFile: file('user-key'),
    folder: file('served'),
    accessLog: file('access.log'),
    sessions: () => descendantsOf(daemon.pid!),
    async [Symbol.asyncDispose]() {
      await endAll(daemon, ended)
      await folder[Symbol.asyncDispose]()
    },
  }
}

const patienceMs = 2_000

/** Sessions first, while the daemon is there to take note of their end: those of targets that were closed end by themselves. */
async function endAll(daemon: ChildProcess, ended: Promise<void>): Promise<void> {
  const patientUntilMs = performance.now() + patienceMs
  for (let sessions = await descendantsOf(daemon.pid!); sessions.length > 0; sessions = await descendantsOf(daemon.pid!)) {
    if (performance.now() > patientUntilMs) for (const pid of sessions) endProcess(pid)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  daemon.kill('SIGTERM')
  await ended
}

export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function descendantsOf(pid: number): Promise<number[]> {
  const found: number[] = []
  for (const waiting = [pid]; waiting.length > 0;) {
    const parent = waiting.pop()!
    const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => '')
    const pids = children.split(' ').filter(Boolean).map(Number)
    found.push(...pids)
    waiting.push(...pids)
  }
  return found
}

/** @returns its fingerprint */
async function makeKey(file: string): Promise<string> {
  await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const { stdout } = await exec('ssh-keygen', ['-l', '-f', `${file}.pub`])
  return stdout.split(' ')[1]!
}

async function waitForBanner(port: number): Promise<void> {
  for (;;) {
    const greeted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('data', () => resolve(true)).once('error', () => resolve(false))
      socket.once('data', () => socket.destroy())
    })
    if (greeted) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface User {
  uid: number
  gid: number
}

export const isRoot = process.getuid?.() === 0

/** Somebody without rights: `nobody` when the tests run as root, else who runs them. */
export const normalUser: User = isRoot ? { uid: 65_534, gid: 65_534 } : { uid: process.getuid!(), gid: process.getgid!() }

const runner = fileURLToPath(new URL('run-exported.ts', import.meta.url))

/**
 * Calls an exported async function of a module in a process of a user's own, with one argument and a result that go through JSON.
 * @param argument.folder the user's, where temporary files go too
 * @throws Error with what the process said when it failed
 */
export async function callAs<Result>(user: User, module: URL, name: string, argument: { folder: string }): Promise<Result> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', runner, fileURLToPath(module), name], {
    ...(isRoot ? user : {}),
    cwd: '/',
    env: { ...process.env, TMPDIR: argument.folder },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(JSON.stringify(argument))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  if (status !== 0) throw new Error(`${name} as ${user.uid} ended with ${String(status)}: ${stderr}`)
  return JSON.parse(stdout) as Result
}

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const patienceMs = 110_000
const pollMs = 100

/**
 * A server that takes long to start, so that one serves all test files of a run: the first who asks starts it, the others wait for it, and it ends
 * with the run (`endServersIn`). What it is reached by is told as text.
 * @param start gets a folder of its own; starts its processes with `startDaemon`
 */
export async function sharedServer(name: string, start: (folder: string) => Promise<string>): Promise<string> {
  const folder = path.join(serversFolder(tmpdir()), name)
  const ready = path.join(folder, 'ready')
  const failed = path.join(folder, 'failed')
  await mkdir(path.dirname(folder), { recursive: true })
  if (await isFirst(folder)) {
    try {
      await publish(ready, await start(folder))
    } catch (error) {
      await publish(failed, error instanceof Error ? error.message : String(error))
    }
  }
  for (const startedAt = performance.now(); performance.now() - startedAt < patienceMs; await delay(pollMs)) {
    const text = await readIfThere(ready)
    if (text !== undefined) return text
    const reason = await readIfThere(failed)
    if (reason !== undefined) throw new Error(`${name} did not start: ${reason}`)
  }
  throw new Error(`${name} did not start in time; see ${folder}`)
}

/** Starts a process that outlives this one. Its command line must name `folder`, by which it is known again when it is ended. */
export async function startDaemon(folder: string, name: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  await mkdir(path.join(folder, 'pids'), { recursive: true })
  const log = openSync(logOf(folder, name), 'a')
  const daemon = spawn(command[0]!, command.slice(1), { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...env } })
  closeSync(log)
  await started(daemon)
  await writeFile(path.join(folder, 'pids', name), String(daemon.pid))
  daemon.unref()
}

/** Where a process that was started so says what it has to say. */
export function logOf(folder: string, name: string): string {
  return path.join(folder, `${name}.log`)
}

/** Ends the shared servers whose folders lie in a run's folder, at once: they keep nothing. */
export async function endServersIn(runFolder: string): Promise<void> {
  for (const name of await readdir(serversFolder(runFolder)).catch(() => [])) {
    const folder = path.join(serversFolder(runFolder), name)
    for (const file of await readdir(path.join(folder, 'pids')).catch(() => [])) {
      await endDaemon(Number(await readFile(path.join(folder, 'pids', file), 'utf8')), folder)
    }
  }
}

async function endDaemon(pid: number, folder: string): Promise<void> {
  if (!(await isOurs(pid, folder))) return
  process.kill(pid, 'SIGKILL')
  // Its command line is empty from then on, also where nobody collects it.
  for (const startedAt = performance.now(); performance.now() - startedAt < patienceMs; await delay(pollMs)) {
    if (!(await isOurs(pid, folder))) return
  }
  throw new Error(`process ${pid} of ${folder} does not end`)
}

/** A number alone could by now be anybody's. */
async function isOurs(pid: number, folder: string): Promise<boolean> {
  return ((await readIfThere(`/proc/${pid}/cmdline`)) ?? '').includes(folder)
}

function serversFolder(runFolder: string): string {
  return path.join(runFolder, 'servers')
}

async function isFirst(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function publish(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined)
}

function started(daemon: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    daemon.once('spawn', resolve)
    daemon.once('error', reject)
  })
}

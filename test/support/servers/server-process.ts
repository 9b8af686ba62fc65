import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startProcess, type RunningProcess } from '../bastion-process.ts'
import { freePort } from './free-port.ts'

const loopback = '127.0.0.1'
/** Another process may take the port between our look at it and the server's. */
const starts = 3
const patienceMs = 20_000
const pollMs = 20

/**
 * A server on a free port of the loopback, answering when this resolves, ended with all its children when it is disposed of, or when the process that
 * started it dies.
 * @param command for a port that is free
 */
export async function startServer(command: (port: number) => Promise<readonly string[]>): Promise<AsyncDisposable & { readonly port: number }> {
  for (let start = 1; ; start++) {
    const port = await freePort()
    const server = startProcess(['setpriv', '--pdeathsig', 'TERM', ...(await command(port))])
    try {
      await answers(port, server)
      return { port, [Symbol.asyncDispose]: () => stop(server) }
    } catch (error) {
      await stop(server)
      if (start === starts) throw error
    }
  }
}

async function answers(port: number, server: RunningProcess): Promise<void> {
  for (const startedAt = performance.now(); performance.now() - startedAt < patienceMs; await delay(pollMs)) {
    if (server.hasEnded) break
    const socket = connect(port, loopback)
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected && !server.hasEnded) return
  }
  server.signal('SIGKILL')
  const { code, signal, stdout, stderr } = await server.ended
  throw new Error(`The server did not come up (${String(code ?? signal)}): ${stdout}${stderr}`)
}

async function stop(server: RunningProcess): Promise<void> {
  server.signal('SIGTERM')
  await server.ended
}

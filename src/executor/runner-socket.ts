import { chmodSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { readLines } from '../lib/json-lines.ts'
import { socketPath } from '../lib/socket-path.ts'
import { type RunnerMessage, type RunnerOrder, runnerOrderSchema } from '../protocol/runner-messages.ts'
import { workFiles } from './work-directory.ts'

/** The runner's side of its socket. */
export interface RunnerSocket extends AsyncDisposable {
  /** To every executor that is connected; with none it is lost. */
  tell(message: RunnerMessage): void
}

const maxLineBytes = 1024 * 1024
/** An executor that reads no more is told no more of progress. */
const maxWaitingBytes = 1024 * 1024

/**
 * Listens in the run directory.
 * @param options.greet what an executor is told when it connects · `onOrder` called for each order, as often as it comes
 * @throws the system's error
 */
export async function listenAsRunner(
  directory: string,
  options: { greet: () => RunnerMessage; onOrder: (order: RunnerOrder) => void },
): Promise<RunnerSocket> {
  const connected = new Set<Socket>()
  const send = (socket: Socket, message: RunnerMessage) => {
    if (message.type !== 'runner.progress' || socket.writableLength < maxWaitingBytes) socket.write(`${JSON.stringify(message)}\n`)
  }
  const server = createServer((socket) => {
    connected.add(socket)
    socket.on('close', () => connected.delete(socket))
    // An executor may die at any time; the next one connects anew.
    socket.on('error', () => {})
    readLines(socket, { maxLineBytes, onLine: (line) => options.onOrder(runnerOrderSchema.parse(JSON.parse(line))) })
    send(socket, options.greet())
  })
  const address = socketPath(directory, workFiles.socket)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  chmodSync(address.path, 0o600)
  return {
    tell(message) {
      for (const socket of connected) send(socket, message)
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of connected) socket.end()
      // Whoever does not hang up in time is hung up on.
      const patience = setTimeout(() => connected.forEach((socket) => socket.destroy()), 1000)
      await closed
      clearTimeout(patience)
      address[Symbol.dispose]()
    },
  }
}

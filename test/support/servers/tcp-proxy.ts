import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A way to a server that can be interrupted. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** connections there were */
  readonly connections: number
  /** how often they were cut */
  readonly cuts: number
  /** Cuts all connections at once, as a network that goes away with a reset does. */
  cut(): void
  /** From now on nothing comes through, and nobody is told. */
  freeze(): void
  /** Later connections lead to this port. */
  leadTo(port: number): void
  /** Cuts once, when so many bytes more have gone to the server. */
  cutAfterBytes(count: number): void
}

export async function startTcpProxy(firstPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let serverPort = firstPort
  let connections = 0
  let cuts = 0
  let bytesLeft = Infinity

  const proxy = createServer((client) => {
    connections++
    const server = connect(serverPort, '127.0.0.1')
    const pair = [client, server] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [server, client]] as const) {
      from.on('error', () => {}) // 'close' follows
      from.once('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
    }
    server.pipe(client)
    client.pipe(server)
    client.on('data', (chunk: Buffer) => {
      bytesLeft -= chunk.length
      if (bytesLeft <= 0) cut()
    })
  })

  function cut(): void {
    bytesLeft = Infinity
    cuts++
    for (const [client, server] of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    get cuts() {
      return cuts
    },
    cut,
    freeze() {
      for (const [client, server] of pairs) {
        client.unpipe(server).pause()
        server.unpipe(client).pause()
      }
    },
    leadTo: (port) => void (serverPort = port),
    cutAfterBytes: (count) => void (bytesLeft = count),
    async [Symbol.asyncDispose]() {
      cut()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}

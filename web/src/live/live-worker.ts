import { createLivePorts, type LiveAsk, type LivePort } from './live-ports.ts'
import { hubSocket } from './hub-socket.ts'

/** Shared by all pages of a browser, so that there is one socket whatever number of tabs is open. */
const ports = createLivePorts(hubSocket)

// The types of a page do not know what a shared worker hears.
addEventListener('connect', (event) => {
  const [channel] = (event as MessageEvent).ports
  const port: LivePort = { tell: (told) => channel!.postMessage(told) }
  channel!.addEventListener('message', ({ data }: MessageEvent<LiveAsk>) => ports.take(port, data))
  channel!.start()
  ports.join(port)
})

import { mkdir, rename, rmdir } from 'node:fs/promises'
import { targetIdentityKey } from '../../src/core/artifact.ts'
import { readObject } from '../../src/engine/targets/read-object.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import type { JobTargetInput } from '../../src/protocol/job-spec.ts'
import { freePort } from './servers/free-port.ts'
import { startTcpProxy } from './servers/tcp-proxy.ts'
import type { TargetPlace } from './target-places.ts'

/** How a Hub gets to a place, and what may happen on the way. */
export interface WayToPlace extends AsyncDisposable {
  /** as it stands in a job */
  readonly target: JobTargetInput
  /** The server does not answer any more. A folder has none. */
  readonly server: { goAway(): void; comeBack(): void } | null
  /** Another disk is there, or none: what it held is not. */
  unmount(): Promise<void>
  mount(): Promise<void>
}

export async function openWay(place: TargetPlace): Promise<WayToPlace> {
  const { target } = place
  if (target.type === 'local_dir') {
    const away = `${target.path} is elsewhere`
    return {
      target,
      server: null,
      async unmount() {
        await rename(target.path, away)
        await mkdir(target.path)
      },
      async mount() {
        await rmdir(target.path)
        await rename(away, target.path)
      },
      async [Symbol.asyncDispose]() {},
    }
  }
  const [shownUrl, pointedTo] = urlOf(target)
  const url = new URL(shownUrl)
  const port = Number(url.port)
  const nobody = await freePort()
  const proxy = await startTcpProxy(port)
  url.port = String(proxy.port)
  let identity: Uint8Array = new Uint8Array()
  return {
    target: pointedTo(url.href.replace(/\/$/, '')),
    server: {
      goAway() {
        proxy.leadTo(nobody)
        proxy.cut()
      },
      comeBack: () => proxy.leadTo(port),
    },
    unmount: () =>
      withTarget(place, async (opened) => {
        identity = await readObject(opened, targetIdentityKey, { maxBytes: 4096 })
        await opened.remove(targetIdentityKey)
      }),
    mount: () => withTarget(place, async (opened) => void (await opened.put(targetIdentityKey, identity))),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  }
}

/** Looks or meddles without the Hub. */
export async function withTarget<T>(place: TargetPlace, work: (target: Target) => Promise<T>): Promise<T> {
  const target = await place.open()
  try {
    return await work(target)
  } finally {
    await target.close()
  }
}

/** Where its server is, and the same target with another address. */
function urlOf(target: JobTargetInput): [url: string, pointedTo: (url: string) => JobTargetInput] {
  if (target.type === 'webdav') return [target.base_url, (base_url) => ({ ...target, base_url })]
  if (target.type === 's3' && target.endpoint !== undefined) return [target.endpoint, (endpoint) => ({ ...target, endpoint })]
  throw new Error(`no way leads to ${target.type}`)
}

import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { uuidv7 } from '../../../src/core/ids.ts'
import { createLiveEvents } from '../../../src/hub/live-events.ts'
import { startFeed } from '../../../src/hub/http/live-feed.ts'
import type { KeptRunEvent } from '../../../src/core/run-event.ts'
import { type LiveFrame, liveFrameSchema } from '../../../src/protocol/http/live-frames.ts'
import { admin, createBrowser, type HttpHub, setUp, startHttpHub } from '../../support/http-hub.ts'

interface Listener extends Disposable {
  readonly frames: LiveFrame[]
  send(message: unknown): void
  /** resolves with the frames when `enough` says so */
  until(enough: (frames: LiveFrame[]) => boolean): Promise<LiveFrame[]>
  readonly closed: Promise<number>
}

function listen(hub: HttpHub, path: string, headers: Record<string, string>): Promise<Listener> {
  const socket = new WebSocket(`${hub.url.replace('http', 'ws')}${path}`, { headers })
  const frames: LiveFrame[] = []
  const watchers = new Set<() => void>()
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  socket.on('message', (data: Buffer) => {
    frames.push(liveFrameSchema.parse(JSON.parse(data.toString())))
    for (const look of watchers) look()
  })
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_, response) => reject(new Error(`refused with ${response.statusCode!}`)))
    socket.on('error', reject)
    socket.on('open', () =>
      resolve({
        frames,
        closed,
        send: (message) => socket.send(JSON.stringify(message)),
        until: (enough) =>
          new Promise((done) => {
            const look = () => {
              if (!enough(frames)) return
              watchers.delete(look)
              done(frames)
            }
            watchers.add(look)
            look()
          }),
        [Symbol.dispose]: () => socket.terminate(),
      }),
    )
  })
}

const seqsOf = (frames: readonly LiveFrame[]) =>
  frames.flatMap((frame) => (frame.type === 'published' && frame.message.type === 'run.event' ? [frame.message.event.seq] : []))

test('a run is followed from its first event to its last, from wherever one begins, and nobody hears twice or of others', async () => {
  await using hub = await startHttpHub({ withNode: false })
  const { client, cookie } = await setUp(hub)
  const spec = { source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: `${hub.folder}/t` } } as const
  const job = await client.jobs.create({ body: { name: 'one', ...spec, source: { ...spec.source, paths: [hub.folder] } } })
  const { run_id: id } = await client.jobs.run({ params: { id: job.id } })
  using socket = await listen(hub, '/api/events/ws', { cookie })
  socket.send({ type: 'subscribe', topic: `run:${id}` })
  socket.send({ type: 'subscribe', topic: 'jobs' })
  socket.send({ type: 'subscribe', topic: 'artifacts' })
  const first = await socket.until((frames) => seqsOf(frames).length === 1 && frames.filter(({ type }) => type === 'subscribed').length === 3)
  const quietMs = new Map(first.flatMap((frame) => (frame.type === 'subscribed' ? [[frame.topic, frame.quiet_ms] as const] : [])))
  expect(quietMs.get('jobs')).toBeLessThan(60_000)
  expect([quietMs.get(`run:${id}`), quietMs.get('artifacts')]).toEqual([null, null])

  await client.runs.cancel({ params: { id } })
  const { items: kept } = await client.runs.events({ params: { id } })
  const frames = await socket.until(
    (seen) => seqsOf(seen).length >= kept.length && seen.some((frame) => frame.type === 'published' && frame.topic === 'jobs'),
  )
  expect(seqsOf(frames)).toEqual(kept.map(({ seq }) => seq))

  using late = await listen(hub, `/api/runs/${id}/events/ws?after_seq=1`, { cookie })
  expect(seqsOf(await late.until((seen) => seqsOf(seen).length >= kept.length - 1))).toEqual(kept.map(({ seq }) => seq).slice(1))

  socket.send({ type: 'unsubscribe', topic: 'jobs' })
  socket.send({ type: 'subscribe', topic: 'everything' })
  await socket.until((seen) => seen.some(({ type }) => type === 'refused'))
})

test('a socket is for whoever is signed in, and for pages of this Hub', async () => {
  await using hub = await startHttpHub({ withNode: false })
  const { cookie } = await setUp(hub)
  await expect(listen(hub, '/api/events/ws', {})).rejects.toThrow('401')
  await expect(listen(hub, '/api/events/ws', { cookie, origin: 'https://evil.example' })).rejects.toThrow('403')
  using socket = await listen(hub, '/api/events/ws', { cookie, origin: hub.url })
  expect(socket.frames).toEqual([])
})

test('a session that is ended hears no more at once: by its browser, by another one of its user, or with a new password', async () => {
  await using hub = await startHttpHub({ withNode: false })
  const { client, cookie } = await setUp(hub)
  const elsewhere = createBrowser(hub.url)
  await elsewhere.client.auth.login({ body: admin })
  using own = await listen(hub, '/api/events/ws', { cookie })
  using other = await listen(hub, '/api/events/ws', { cookie: elsewhere.cookie })
  const sessions = await client.auth.sessions()
  await client.auth.revoke({ params: { id: sessions.items.find((session) => !session.current)!.id } })
  expect(await other.closed).toBe(1008)
  own.send({ type: 'subscribe', topic: 'runs' })
  await own.until((frames) => frames.some(({ type }) => type === 'subscribed'))
  await client.auth.changePassword({ body: { current_password: admin.password, new_password: 'another long password' } })
  expect(await own.closed).toBe(1008)
})

test('a Hub that stops does not wait for those who listen', async () => {
  const hub = await startHttpHub({ withNode: false })
  const { cookie } = await setUp(hub)
  using socket = await listen(hub, '/api/events/ws', { cookie })
  await hub[Symbol.asyncDispose]()
  expect(await socket.closed).toBeGreaterThan(0)
})

test('events that are told before their turn, while the past is read or after, come in order and once', async () => {
  const runId = uuidv7(0, new Uint8Array(10))
  const event = (seq: number): KeptRunEvent => ({ seq, ts: 0, level: 'info', kind: 'scan', message: '', fields: {} })
  const live = createLiveEvents()
  let kept = [1, 2, 3].map(event)
  const publish = (seq: number) => live.publish(`run:${runId}`, { type: 'run.event', run_id: runId, event: event(seq) })
  const frames: LiveFrame[] = []
  const turns = async () => {
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  }
  const nobody = { append: () => Promise.reject(new Error('only read here')), list: async () => ({ items: [], more: false }) }
  using _feed = startFeed(
    {
      live,
      store: {
        operationEvents: nobody,
        runEvents: {
          append: () => Promise.reject(new Error('only read here')),
          async list(_, afterSeq, limit) {
            const items = kept.filter(({ seq }) => seq > afterSeq).slice(0, limit)
            // It becomes known between the read and its answer.
            if (kept.length === 3) {
              kept = [...kept, event(4)]
              publish(4)
              publish(4)
            }
            return { items, more: false }
          },
        },
      },
    },
    {
      topic: `run:${runId}`,
      afterSeq: 0,
      send: async (frame) => void frames.push(frame),
      failed(error) {
        throw error
      },
    },
  )
  await turns()
  expect(seqsOf(frames)).toEqual([1, 2, 3, 4])
  kept = [...kept, event(5), event(6), event(7)]
  publish(6)
  publish(5)
  publish(7)
  await turns()
  expect(seqsOf(frames)).toEqual([1, 2, 3, 4, 5, 6, 7])
})

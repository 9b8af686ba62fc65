import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type HttpBrowser, type HttpHub, setUp, startHttpHub } from '../../support/http-hub.ts'

const sizeBytes = 24 * 1024 * 1024

/** A run whose artifact holds one large file of noise. @returns the address of its content */
async function storedFile(hub: HttpHub, { client }: HttpBrowser, content: Uint8Array): Promise<string> {
  const source = path.join(hub.folder, 'source')
  await mkdir(source)
  await writeFile(path.join(source, 'large'), content)
  const body = {
    name: 'large',
    source: { type: 'filesystem', paths: [source] as string[] },
    target: { type: 'local_dir', path: path.join(hub.folder, 'target') },
  } as const
  const job = await client.jobs.create({ body })
  const { run_id: id } = await client.jobs.run({ params: { id: job.id } })
  for (;;) {
    const { ended_at, status } = await client.runs.get({ params: { id } })
    if (ended_at === null) await wait(50)
    else {
      expect(status).toBe('success')
      return `${hub.url}/api/runs/${id}/entries/download?path=${encodeURIComponent(`${source.slice(1)}/large`)}`
    }
  }
}

test('a download comes whole; those who go away in the middle are forgotten, and the node is free for the next', async () => {
  await using hub = await startHttpHub()
  const browser = await setUp(hub)
  const content = randomBytes(sizeBytes)
  const url = await storedFile(hub, browser, content)
  const headers = { cookie: browser.cookie }
  // More than a node answers at a time.
  for (let number = 0; number < 6; number += 1) {
    const gone = new AbortController()
    const response = await fetch(url, { headers, signal: gone.signal })
    if (number % 2 === 0) await response.body!.getReader().read()
    gone.abort()
  }
  const response = await fetch(url, { headers })
  expect(Number(response.headers.get('content-length'))).toBe(sizeBytes)
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true)
  expect(hub.errors).toEqual([])
})

test('a download of what is damaged is cut off, never ended as if it were whole', async () => {
  await using hub = await startHttpHub()
  const browser = await setUp(hub)
  const url = await storedFile(hub, browser, randomBytes(sizeBytes))
  const target = path.join(hub.folder, 'target')
  const part = (await readdir(target, { recursive: true })).find((name) => name.endsWith('payload.part000001'))!
  await using file = await open(path.join(target, part), 'r+')
  await file.write(Buffer.alloc(64), 0, 64, sizeBytes - 1_000_000)
  const read = fetch(url, { headers: { cookie: browser.cookie } }).then(async (response) => {
    if (!response.ok) throw new Error(await response.text())
    return (await response.arrayBuffer()).byteLength
  })
  await expect(read).rejects.toThrow('terminated')
})

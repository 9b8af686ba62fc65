import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { brotliDecompressSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { startHttpHub } from '../../support/http-hub.ts'
import { webDirectory } from '../../support/web-browser.ts'

const isBuilt = existsSync(path.join(webDirectory, 'index.html'))
const html = { accept: 'text/html,application/xhtml+xml' }

test('every address that is nobody else’s is the page, for whoever wants a page', async (context) => {
  if (!isBuilt) return context.skip('the web interface is not built: npm run build')
  await using hub = await startHttpHub({ withNode: false, webDirectory })
  const get = (address: string, headers = {}) => fetch(`${hub.url}${address}`, { headers, redirect: 'manual' })
  for (const address of ['/', '/jobs', '/runs/some-id?tab=events', '/docsy']) {
    const response = await get(address, html)
    expect(response.status, address).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    expect(response.headers.get('cache-control')).toBe('no-cache')
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self';")
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
  }
  for (const address of ['/api/nothing', '/api/v1/nothing', '/assets/nothing.js', '/docs/nothing'])
    expect((await get(address, html)).status, address).toBe(404)
  expect((await get('/jobs')).status).toBe(404)
  expect((await fetch(`${hub.url}/jobs`, { method: 'POST', headers: html })).status).toBe(404)
  expect((await get('/assets/..%2f..%2f..%2fpackage.json', html)).status).toBe(404)
})

test('files are named by their content, kept for good, and sent as small as the browser takes them', async (context) => {
  if (!isBuilt) return context.skip('the web interface is not built: npm run build')
  await using hub = await startHttpHub({ withNode: false, webDirectory })
  const page = await (await fetch(`${hub.url}/`, { headers: html })).text()
  expect(page).not.toMatch(/<script(?:(?!\ssrc=)[^>])*>/)
  expect(page).not.toMatch(/<style|style=/)
  const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!)
  expect(loaded.length).toBeGreaterThan(3)
  for (const address of loaded) {
    const response = await fetch(new URL(address, hub.url), { headers: { 'accept-encoding': 'br' } })
    expect(response.status, address).toBe(200)
    if (!address.startsWith('/assets/')) continue
    expect(response.headers.get('cache-control'), address).toBe('public, max-age=31536000, immutable')
    expect(response.headers.get('content-encoding')).toBe('br')
  }
  for (const name of readdirSync(path.join(webDirectory, 'assets')).filter((each) => each.endsWith('.br'))) {
    const file = path.join(webDirectory, 'assets', name)
    expect(brotliDecompressSync(readFileSync(file)).equals(readFileSync(file.slice(0, -3))), name).toBe(true)
  }
})

test('what the first page loads is at most 250 KB of JavaScript, compressed', (context) => {
  if (!isBuilt) return context.skip('the web interface is not built: npm run build')
  const page = readFileSync(path.join(webDirectory, 'index.html'), 'utf8')
  const scripts = [...page.matchAll(/(?:src|href)="(\/[^"]+[.]js)"/g)].map(([, address]) => address!)
  const sizes = scripts.map((address) => gzipSync(readFileSync(path.join(webDirectory, address)), { level: 9 }).length)
  expect(scripts.length).toBeGreaterThan(2)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(250_000)
})

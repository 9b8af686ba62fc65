import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { startHttpHub } from '../../support/http-hub.ts'

const docsDirectory = path.join(import.meta.dirname, '../../../dist/docs')
const isBuilt = existsSync(path.join(docsDirectory, 'index.html'))

test('the documentation is served at /docs/, and its scripts come from files of this origin', async (context) => {
  if (!isBuilt) return context.skip('the documentation is not built: npm run build')
  await using hub = await startHttpHub({ withNode: false, docsDirectory })
  const home = await fetch(`${hub.url}/`)
  expect(home.url).toBe(`${hub.url}/docs/`)
  expect(home.status).toBe(200)
  expect(home.headers.get('content-security-policy')).toContain("script-src 'self';")

  for (const page of [
    '/docs/',
    '/docs/guide/first-backup',
    '/docs/guide/restore-drill',
    '/docs/guide/disaster-recovery',
    '/docs/reference/http-api',
  ]) {
    const response = await fetch(`${hub.url}${page}`)
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    const loaded = [...(await response.text()).matchAll(/<(?:script|link)\b[^>]*?\b(?:src|href)="([^"]+)"/g)].map(
      ([, url]) => new URL(url!, `${hub.url}${page}`),
    )
    expect(loaded.length).toBeGreaterThan(3)
    for (const url of loaded) {
      expect(url.origin).toBe(hub.url)
      expect((await fetch(url)).status, url.pathname).toBe(200)
    }
  }
  expect(await (await fetch(`${hub.url}/docs/reference/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0' })
  expect((await fetch(`${hub.url}/docs/..%2f..%2fpackage.json`)).status).toBe(404)
  expect((await fetch(`${hub.url}/docs/absent`)).status).toBe(404)
})

test('no page of the documentation has a script standing in it', (context) => {
  if (!isBuilt) return context.skip('the documentation is not built: npm run build')
  const pages = readdirSync(docsDirectory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
  expect(pages.length).toBeGreaterThan(10)
  const inline = pages.filter((page) => /<script(?:(?!\ssrc=)[^>])*>/.test(readFileSync(path.join(docsDirectory, page), 'utf8')))
  expect(inline).toEqual([])
})

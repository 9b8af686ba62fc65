import { type IncomingMessage, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { describe, expect, test } from 'vitest'
import { selfSigned } from '../../support/self-signed.ts'
import { admin, createBrowser, type HttpHub, setUp, startHttpHub } from '../../support/http-hub.ts'

interface Answer {
  status: number
  code: unknown
  headers: Headers
}

async function answerOf(response: Response): Promise<Answer> {
  const body = (await response.json().catch(() => null)) as { code?: unknown } | null
  return { status: response.status, code: body?.code, headers: response.headers }
}

function postLogin(hub: HttpHub, headers: Record<string, string>): Promise<Answer> {
  return fetch(`${hub.url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(admin),
  }).then(answerOf)
}

/** `fetch` does not let a program choose its Host. */
function statusForHost(hub: HttpHub, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${hub.url}/api/health`, { headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
      .on('error', reject)
      .end()
  })
}

describe('a page of another site', () => {
  test('may not call what changes something, whatever it sends', async () => {
    await using hub = await startHttpHub({ withNode: false })
    const browser = await setUp(hub)
    for (const origin of ['https://evil.example', 'null', `https://${new URL(hub.url).host}`]) {
      expect(await postLogin(hub, { origin })).toMatchObject({ status: 403, code: 'not_allowed' })
    }
    expect(await postLogin(hub, { origin: hub.url })).toMatchObject({ status: 200 })
    expect(browser.cookie).toMatch(/^bastion_session=/)
  })

  test('cannot make a name of its own lead to a Hub of this machine', async () => {
    await using hub = await startHttpHub({ withNode: false })
    expect(await statusForHost(hub, 'evil.example')).toBe(403)
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:9876', 'bastion.localhost']) expect(await statusForHost(hub, host)).toBe(200)
  })

  test('is let in by the address the Hub is published under', async () => {
    await using hub = await startHttpHub({ withNode: false, transport: { publicUrl: 'https://bastion.example' } })
    expect(await statusForHost(hub, 'bastion.example')).toBe(200)
    await setUp(hub)
    expect(await postLogin(hub, { origin: 'https://bastion.example' })).toMatchObject({ status: 200 })
  })
})

describe('whoever is signed in', () => {
  test('repeats the token of the session in every call that changes something', async () => {
    await using hub = await startHttpHub({ withNode: false })
    const browser = await setUp(hub)
    const put = (headers: Record<string, string>) =>
      fetch(`${hub.url}/api/settings`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', cookie: browser.cookie, ...headers },
        body: '{"runs_per_node":3}',
      }).then(answerOf)
    expect(await put({})).toMatchObject({ status: 403, code: 'not_allowed' })
    expect(await put({ 'x-csrf-token': 'x'.repeat(browser.csrfToken.length) })).toMatchObject({ status: 403, code: 'not_allowed' })
    expect(await put({ 'x-csrf-token': browser.csrfToken })).toMatchObject({ status: 200 })
  })

  test('has a cookie that scripts and other sites do not get, and that TLS alone carries where there is TLS', async () => {
    for (const [publicUrl, isSecure] of [
      [undefined, false],
      ['https://bastion.example', true],
    ] as const) {
      await using hub = await startHttpHub({ withNode: false, transport: { publicUrl } })
      await setUp(hub)
      const cookie = (await postLogin(hub, {})).headers.get('set-cookie')!
      for (const attribute of ['HttpOnly', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(attribute)
      expect(cookie.includes('Secure')).toBe(isSecure)
    }
  })

  test('gets another token by signing in, and the one before is worth nothing', async () => {
    await using hub = await startHttpHub({ withNode: false })
    const browser = await setUp(hub)
    const before = browser.cookie
    browser.csrfToken = (await browser.client.auth.login({ body: admin })).csrf_token
    expect(browser.cookie).not.toBe(before)
    const stale = createBrowser(hub.url)
    stale.cookie = before
    await expect(stale.client.auth.session()).rejects.toMatchObject({ code: 'not_signed_in' })
  })
})

describe('plain HTTP', () => {
  test.each(['0.0.0.0', '::', '192.0.2.1', 'bastion.example'])('is refused on %s', async (host) => {
    await expect(startHttpHub({ withNode: false, transport: { host } })).rejects.toMatchObject({ code: 'invalid_spec' })
  })

  test('is there beyond this machine for whoever insists, and then the first administrator needs the token that was printed', async () => {
    await using hub = await startHttpHub({ withNode: false, transport: { host: '0.0.0.0', insecureHttp: true } })
    const url = hub.url.replace('0.0.0.0', '127.0.0.1')
    const { client } = createBrowser(url)
    expect(await client.setup.status()).toEqual({ initialized: false, setup_token_required: true })
    await expect(client.setup.initialize({ body: admin })).rejects.toMatchObject({ code: 'not_allowed' })
    await expect(client.setup.initialize({ body: { ...admin, setup_token: `${hub.setupToken!}0` } })).rejects.toMatchObject({ code: 'not_allowed' })
    await client.setup.initialize({ body: { ...admin, setup_token: hub.setupToken! } })
  })
})

test('answers are never kept, run no script that stands in a page, and name the request', async () => {
  await using hub = await startHttpHub({ withNode: false })
  const { headers } = await fetch(`${hub.url}/api/health`)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('content-security-policy')).toContain("default-src 'none';script-src 'self';style-src 'self'")
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('/api/v1 is another name of /api', async () => {
  await using hub = await startHttpHub({ withNode: false })
  expect(await (await fetch(`${hub.url}/api/v1/system`)).json()).toEqual(await (await fetch(`${hub.url}/api/system`)).json())
})

test.each([
  ['no JSON', '{'],
  ['nothing', ''],
  ['too much', JSON.stringify({ username: 'x'.repeat(2_000_000) })],
])('a body that is %s is refused as the problem it is', async (_, body) => {
  await using hub = await startHttpHub({ withNode: false })
  const response = await fetch(`${hub.url}/api/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(await answerOf(response)).toMatchObject({ status: 400, code: 'invalid_spec' })
  expect(hub.errors).toEqual([])
})

test('metrics are for this machine and for nobody a proxy speaks for, or for whoever knows their token', async () => {
  await using open = await startHttpHub({ withNode: false })
  const statusOf = async (url: string, headers: Record<string, string>) => (await fetch(`${url}/metrics`, { headers })).status
  expect(await statusOf(open.url, {})).toBe(200)
  expect(await statusOf(open.url, { 'x-forwarded-for': '192.0.2.1' })).toBe(403)
  await using guarded = await startHttpHub({ withNode: false, metricsToken: 'a token' })
  expect(await statusOf(guarded.url, {})).toBe(403)
  expect(await statusOf(guarded.url, { authorization: 'Bearer a token' })).toBe(200)
  const metrics = await (await fetch(`${open.url}/metrics`)).text()
  expect(metrics).toContain('bastion_runs{status="queued"} 0')
  expect(metrics).toContain('bastion_retention_brakes{kind="clock"} 0')
  expect(metrics).toContain('bastion_retention_waiting_artifacts 0')
  expect(metrics).toContain('bastion_incomplete_cleanups{status="blocked"} 0')
})

test('with a certificate the Hub speaks TLS and nothing else, and browsers are told to stay with it', async () => {
  const { key, cert } = await selfSigned()
  await using hub = await startHttpHub({ withNode: false, transport: { host: '127.0.0.1', tls: { key, cert } } })
  expect(hub.url).toMatch(/^https:/)
  const { statusCode, headers } = await new Promise<IncomingMessage>((resolve, reject) => {
    secureRequest(`${hub.url}/api/health`, { ca: cert }, resolve).on('error', reject).end()
  })
  expect(statusCode).toBe(200)
  expect(headers['strict-transport-security']).toContain('max-age=31536000')
  await expect(fetch(hub.url.replace('https', 'http'))).rejects.toThrow('fetch failed')
})

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chooseAuthorization } from '../../../../src/engine/targets/webdav/http-authorization.ts'
import { parseChallenges } from '../../../../src/engine/targets/webdav/http-challenge.ts'

describe('challenges', () => {
  test.each([
    ['Basic realm="a, b \\"c\\""', [{ scheme: 'basic', parameters: { realm: 'a, b "c"' } }]],
    [
      'Negotiate, Digest realm=x , nonce="n==", qop="auth,auth-int",Basic realm="y"',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'digest', parameters: { realm: 'x', nonce: 'n==', qop: 'auth,auth-int' } },
        { scheme: 'basic', parameters: { realm: 'y' } },
      ],
    ],
    ['', []],
    ['"', []],
  ])('of %j are told apart', (header, challenges) => {
    expect(parseChallenges(header)).toEqual(challenges)
  })
})

describe('Digest', () => {
  // The account and server of RFC 7616, 3.9.1.
  const credentials = { username: 'Mufasa', password: 'Circle of Life' }
  const common =
    'realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'

  test.each([
    ['MD5', 'md5', ', qop="auth, auth-int", algorithm=MD5'],
    ['SHA-256', 'sha256', ', qop="auth, auth-int", algorithm=SHA-256'],
    ['SHA-256-sess', 'sha256', ', qop="auth", algorithm=SHA-256-sess'],
    ['MD5 as it was before qop', 'md5', ''],
  ])('answers as %s wants it', (name, hash, rest) => {
    const authorization = chooseAuthorization(`Digest ${common}${rest}`, credentials)!
    const digest = (text: string) => createHash(hash).update(text).digest('hex')
    for (const count of ['00000001', '00000002']) {
      const header = authorization.header('GET', '/dir/index.html')
      const { cnonce = '', nc = '', response, nonce = '', uri, opaque, username } = parseChallenges(header)[0]!.parameters
      expect({ uri, username, opaque }).toEqual({
        uri: '/dir/index.html',
        username: 'Mufasa',
        opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
      })
      const account = digest('Mufasa:http-auth@example.org:Circle of Life')
      const secret = name.endsWith('sess') ? digest(`${account}:${nonce}:${cnonce}`) : account
      const what = digest('GET:/dir/index.html')
      expect(response).toBe(digest(rest === '' ? `${secret}:${nonce}:${what}` : `${secret}:${nonce}:${nc}:${cnonce}:auth:${what}`))
      if (rest !== '') expect(nc).toBe(count)
    }
  })

  test('is preferred to Basic, and with SHA-256 to MD5', () => {
    const offers = ['Basic realm="x"', `Digest ${common}, qop="auth", algorithm=MD5`, `Digest ${common}, qop="auth", algorithm=SHA-256`]
    expect(chooseAuthorization(offers, credentials)!.header('GET', '/')).toContain('algorithm=SHA-256')
    expect(chooseAuthorization(offers.slice(0, 2), credentials)!.header('GET', '/')).toContain('algorithm=MD5')
    expect(chooseAuthorization(offers.slice(0, 1), credentials)!.header('GET', '/')).toBe(`Basic ${btoa('Mufasa:Circle of Life')}`)
  })
})

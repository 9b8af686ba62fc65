import { createHash, randomBytes } from 'node:crypto'
import { type HttpChallenge, parseChallenges } from './http-challenge.ts'

export interface Credentials {
  username: string
  password: string
}

/** What a server wants to see with each request of an account. */
export interface HttpAuthorization {
  /** Whether a server may refuse it after a while although the credentials are right: a body that can be sent once only is then preceded by a request that asks. */
  readonly expires: boolean
  /** The `Authorization` of one request. */
  header(method: string, path: string): string
  /** Told the `WWW-Authenticate` of a refusal. Whether the same request may succeed now. */
  renew(challenges: string | readonly string[] | undefined): boolean
}

/** Basic (RFC 7617). */
export function basicAuthorization({ username, password }: Credentials): HttpAuthorization {
  const header = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return { expires: false, header: () => header, renew: () => false }
}

/** The safest of the ways that a server offers and we know; `null` when there is none. */
export function chooseAuthorization(headers: string | readonly string[] | undefined, credentials: Credentials): HttpAuthorization | null {
  const challenges = parseChallenges(headers)
  const digest = strongestDigest(challenges)
  if (digest !== undefined) return digestAuthorization(digest, credentials)
  return challenges.some(({ scheme }) => scheme === 'basic') ? basicAuthorization(credentials) : null
}

/** The strongest first. */
const digestAlgorithms = [
  { name: 'SHA-256', hash: 'sha256' },
  { name: 'MD5', hash: 'md5' },
]

function algorithmOf({ parameters }: HttpChallenge): { hash: string; session: boolean } | undefined {
  const name = (parameters['algorithm'] ?? 'MD5').toUpperCase()
  const algorithm = digestAlgorithms.find((each) => name === each.name || name === `${each.name}-SESS`)
  return algorithm && { hash: algorithm.hash, session: name !== algorithm.name }
}

function strongestDigest(challenges: readonly HttpChallenge[]): HttpChallenge | undefined {
  const usable = challenges.filter(
    (challenge) => challenge.scheme === 'digest' && challenge.parameters['nonce'] !== undefined && hasAuthQop(challenge),
  )
  return digestAlgorithms
    .map(({ hash }) => usable.find((challenge) => algorithmOf(challenge)?.hash === hash))
    .find((challenge) => challenge !== undefined)
}

/** `auth-int` alone would need the hash of a body before it is sent. */
function hasAuthQop({ parameters: { qop } }: HttpChallenge): boolean {
  return qop === undefined || qop.split(',').some((each) => each.trim() === 'auth')
}

/** Digest with qop `auth` (RFC 7616), or as it was before there were any (RFC 2069). */
function digestAuthorization(first: HttpChallenge, { username, password }: Credentials): HttpAuthorization {
  let challenge = first
  let uses = 0

  function header(method: string, path: string): string {
    const { realm = '', nonce = '', qop, opaque, algorithm } = challenge.parameters
    const { hash, session } = algorithmOf(challenge)!
    const digest = (...parts: string[]) => createHash(hash).update(parts.join(':')).digest('hex')
    const clientNonce = randomBytes(16).toString('hex')
    const count = (++uses).toString(16).padStart(8, '0')
    const account = digest(username, realm, password)
    const secret = session ? digest(account, nonce, clientNonce) : account
    const request = digest(method, path)
    const response = qop === undefined ? digest(secret, nonce, request) : digest(secret, nonce, count, clientNonce, 'auth', request)
    return `Digest ${[
      `username=${quoted(username)}`,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `uri=${quoted(path)}`,
      `response="${response}"`,
      ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
      ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
      ...(qop === undefined && !session ? [] : [`cnonce="${clientNonce}"`]),
      ...(qop === undefined ? [] : ['qop=auth', `nc=${count}`]),
    ].join(', ')}`
  }

  return {
    expires: true,
    header,
    renew(headers) {
      const next = strongestDigest(parseChallenges(headers))
      if (next?.parameters['stale']?.toLowerCase() !== 'true') return false
      // Requests under way at once are told the same.
      if (next.parameters['nonce'] !== challenge.parameters['nonce']) uses = 0
      challenge = next
      return true
    },
  }
}

/** Headers go out byte for byte as latin1, so what is beyond ASCII is written as the bytes of its UTF-8. */
function quoted(text: string): string {
  return `"${Buffer.from(text).toString('latin1').replace(/["\\]/g, '\\$&')}"`
}

import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(argon2)

/** Of argon2id (RFC 9106): memory in KiB, passes over it, lanes. */
export interface PasswordCost {
  memoryKib: number
  passes: number
  lanes: number
}

/** The second of the two RFC 9106 recommends, with one lane: other lanes would take threads from those who work. 64 MiB and an eighth of a second each. */
export const defaultPasswordCost: PasswordCost = { memoryKib: 65_536, passes: 3, lanes: 1 }

const saltBytes = 16
const tagBytes = 32

/** A PHC string (https://github.com/P-H-C/phc-string-format): `$argon2id$v=19$m=65536,t=3,p=1$salt$hash`. */
export async function hashPassword(password: string, cost: PasswordCost): Promise<string> {
  const salt = randomBytes(saltBytes)
  return formatPhc(cost, salt, await keyFromPassword(password, cost, salt, tagBytes))
}

/** Whether `password` is the one of `hash`. @throws Error when `hash` is no PHC string of argon2id */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const { cost, salt, tag } = parsePhc(hash)
  return timingSafeEqual(await keyFromPassword(password, cost, salt, tag.length), tag)
}

/** Whether `hash` was made with another cost than is asked for today. */
export function isOutdated(hash: string, cost: PasswordCost): boolean {
  const { cost: had } = parsePhc(hash)
  return had.memoryKib !== cost.memoryKib || had.passes !== cost.passes || had.lanes !== cost.lanes
}

/** `keyLength` bytes that only who knows the password makes again, at the same cost and with the same salt (at least 8 bytes, chosen at random). */
export function keyFromPassword(password: string, cost: PasswordCost, salt: Uint8Array, keyLength: number): Promise<Buffer> {
  // The same characters can be typed as different code points.
  const message = password.normalize('NFKC')
  return derive('argon2id', { message, nonce: salt, parallelism: cost.lanes, memory: cost.memoryKib, passes: cost.passes, tagLength: keyLength })
}

function formatPhc(cost: PasswordCost, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${cost.memoryKib},t=${cost.passes},p=${cost.lanes}$${base64(salt)}$${base64(tag)}`
}

function parsePhc(hash: string): { cost: PasswordCost; salt: Buffer; tag: Buffer } {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(hash)
  if (match === null) throw new Error('this is no PHC string of argon2id')
  const [, memory, passes, lanes, salt, tag] = match
  const cost = { memoryKib: Number(memory), passes: Number(passes), lanes: Number(lanes) }
  return { cost, salt: Buffer.from(salt!, 'base64'), tag: Buffer.from(tag!, 'base64') }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

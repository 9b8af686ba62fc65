import { hasCode, type ErrorCode } from '../../core/errors.ts'
import { readObject } from './read-object.ts'
import type { ListOptions, ObjectEntry, Target } from './target.ts'

/** A promise the target does not keep. */
export class ContractViolation extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ContractViolation'
  }
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ContractViolation(what)
}

export function same(actual: unknown, expected: unknown, what: string): void {
  check(Object.is(actual, expected), `${what}: ${describe(actual)} instead of ${describe(expected)}`)
}

export function sameBytes(actual: Uint8Array, expected: Uint8Array): void {
  same(actual.length, expected.length, 'the number of bytes')
  if (Buffer.compare(actual, expected) === 0) return
  const at = actual.findIndex((byte, i) => byte !== expected[i])
  same(actual[at], expected[at], `the byte at ${at}`)
}

export function sameKeys(entries: readonly ObjectEntry[], keys: readonly string[]): void {
  same(JSON.stringify(entries.map((entry) => entry.key).toSorted()), JSON.stringify(keys.toSorted()), 'the keys listed')
}

export async function rejects(promised: Promise<unknown>, code: ErrorCode): Promise<void> {
  const outcome = await settle(promised)
  check(outcome.rejected && hasCode(outcome.error, code), `${code} was due, there was ${outcome.rejected ? describe(outcome.error) : 'no error'}`)
}

export async function rejectsWith(promised: Promise<unknown>, error: Error): Promise<void> {
  const outcome = await settle(promised)
  check(
    outcome.rejected && outcome.error === error,
    `"${error.message}" was due, there was ${outcome.rejected ? describe(outcome.error) : 'no error'}`,
  )
}

export async function existsDetail(promised: Promise<unknown>): Promise<boolean> {
  const outcome = await settle(promised)
  return outcome.rejected && isExists(outcome.error)
}

export function isExists(error: unknown): boolean {
  return hasCode(error, 'target_rejected') && error.details['exists'] === true
}

/** Of a put whose server does not say that it has stored it. */
export function isUnconfirmed(error: unknown): boolean {
  return hasCode(error, 'target_unreachable') && error.details['unconfirmed'] === true
}

async function settle(promised: Promise<unknown>): Promise<{ rejected: false } | { rejected: true; error: unknown }> {
  try {
    await promised
    return { rejected: false }
  } catch (error) {
    return { rejected: true, error }
  }
}

export function describe(value: unknown): string {
  if (value instanceof Error) return `${'code' in value ? String(value.code) : value.name} (${value.message})`
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}

export async function read(target: Target, key: string): Promise<Uint8Array> {
  return await readObject(target, key, { maxBytes: 64 * 1024 * 1024 })
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await collect(chunks))
}

export async function listed(target: Target, prefix: string, options: ListOptions = {}): Promise<ObjectEntry[]> {
  return await collect(target.list(prefix, options))
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

export async function* chunksOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks
}

export async function* failing(error: Error, bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
  throw error
}

/** All but the last byte, then waits for `gate`, then the last byte. */
export async function* gated(bytes: Uint8Array, gate: Promise<void>, onWait?: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes.subarray(0, -1)
  onWait?.()
  await gate
  yield bytes.subarray(-1)
}

/** Lets what is under way come so far as it can; nothing depends on how far that is. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Bytes that look random and are the same for the same seed, not repeating within what the cases use. */
export function someBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

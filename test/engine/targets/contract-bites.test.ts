import { expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { ContractViolation } from '../../../src/engine/targets/contract-checks.ts'
import { isCaseFor, targetContract } from '../../../src/engine/targets/contract.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { passOn } from '../../../src/engine/targets/pass-on.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import type { ObjectEntry, Target, TargetTree } from '../../../src/engine/targets/target.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

// Targets that break one promise each. A contract that let one of them pass would prove nothing about the others.
const liars: [what: string, lie: (inner: Target) => Partial<Target>][] = [
  ['ignores sizeBytes', (inner) => ({ put: (key, body, { sizeBytes: _, ...rest } = {}) => inner.put(key, body, rest) })],
  ['ignores ifAbsent', (inner) => ({ put: (key, body, { ifAbsent: _, ...rest } = {}) => inner.put(key, body, rest) })],
  ['ignores the signal', (inner) => ({ put: (key, body, { signal: _, ...rest } = {}) => inner.put(key, body, rest) })],
  ['ignores the range', (inner) => ({ get: (key, { range: _, ...rest } = {}) => inner.get(key, rest) })],
  [
    'reads one byte too many',
    (inner) => ({ get: (key, { range, ...rest } = {}) => inner.get(key, range ? { ...rest, range: { ...range, length: range.length + 1 } } : rest) }),
  ],
  ['finds everything', (inner) => ({ get: (key, options) => inner.get(key, options).catch(async () => nothing()) })],
  ['tells every size one too large', (inner) => ({ stat: async (key) => plusOne(await inner.stat(key)) })],
  ['lists directories as objects', (inner) => ({ list: (prefix, options) => asObjects(inner.list(prefix, options)) })],
  ['is never recursive', (inner) => ({ list: (prefix, { signal } = {}) => inner.list(prefix, signal && { signal }) })],
  ['lists keys relative to the prefix', (inner) => ({ list: (prefix, options) => relative(prefix, inner.list(prefix, options)) })],
  ['forgets to remove', () => ({ remove: async () => {} })],
  ['complains of what is absent', (inner) => ({ remove: async (key) => ((await inner.stat(key)) === null ? await failing() : inner.remove(key)) })],
  ['removes what only begins alike', (inner) => ({ removeTree: (prefix) => removeByText(inner, prefix) })],
  [
    'keeps a part of a failed put',
    (inner) => ({
      put: (key, body, options = {}) => (body instanceof Uint8Array ? inner.put(key, body, options) : keepPart(inner, key, body, options)),
    }),
  ],
  [
    'shows an object before it is whole',
    (inner) => ({ put: async (key, body, options) => (await inner.put(key, new Uint8Array(1)), inner.put(key, body, options)) }),
  ],
  ['normalizes keys', (inner) => ({ put: (key, body, options) => inner.put(key.replaceAll('//', '/').replaceAll('./', ''), body, options) })],
  ['decodes keys', (inner) => ({ put: (key, body, options) => inner.put(decodeURIComponent(key.replaceAll('%%', '%25')), body, options) })],
  ['sends away who puts what is being put', (inner) => ({ put: oneAtATime(inner) })],
  ['fails to flush', () => ({ flush: () => failing() })],
]

for (const [what, lie] of liars) {
  test(`the contract notices a target that ${what}`, async () => {
    const inner = createMemoryTarget()
    const liar = { ...passOn(inner), ...lie(inner) }
    const failures: string[] = []
    for (const [i, contractCase] of targetContract.entries()) {
      if (!isCaseFor(contractCase, liar.features)) continue
      await contractCase
        .run(liar, { prefix: `case/${i}`, patienceMs: 50 })
        .catch((error: unknown) => failures.push(`${contractCase.name}: ${String(error)}`))
    }
    expect(failures).not.toEqual([])
  })
}

// The same for those that say they hold a real tree.
const treeLiars: [what: string, lie: (tree: TargetTree, inner: Target) => Partial<TargetTree>][] = [
  ['makes no directories', () => ({ makeDirectory: async () => true })],
  ['fails where a directory is', (tree) => ({ makeDirectory: async (key) => !(await tree.makeDirectory(key)) })],
  ['follows links', (_, inner) => ({ symlink: async (key) => (await inner.put(key, new Uint8Array(3)), true) })],
  ['says that it made what was there', (tree) => ({ symlink: async (key, to) => (await tree.symlink(key, to)) || true })],
  [
    'gives a link the name of another object',
    (tree, inner) => ({ link: async (key, existing) => (await inner.remove(key), tree.link(key, existing)) }),
  ],
  ['makes copies instead of links', (_, inner) => ({ link: async (key) => (await inner.put(key, new Uint8Array(1)), true) })],
  ['describes what is not there', (tree) => ({ setMetadata: async (key, metadata) => (await tree.setMetadata(key, metadata)) || true })],
  ['forgets times', () => ({ setMetadata: async (key) => !key.includes('absent') })],
]

for (const [what, lie] of treeLiars) {
  test(`the contract notices a target that ${what}`, async () => {
    await using folder = await temporaryFolder()
    const inner = createLocalDirTarget({ path: folder.path })
    const liar: Target = { ...passOn(inner), tree: { ...inner.tree!, ...lie(inner.tree!, inner) } }
    const failures: string[] = []
    for (const [i, contractCase] of targetContract.entries()) {
      if (!contractCase.needs.includes('realTree')) continue
      await contractCase.run(liar, { prefix: `case/${i}` }).catch((error: unknown) => failures.push(`${contractCase.name}: ${String(error)}`))
    }
    expect(failures).not.toEqual([])
  })
}

test('a violation says which promise was broken and how', async () => {
  const inner = createMemoryTarget()
  const liar: Target = { ...passOn(inner), stat: async (key) => plusOne(await inner.stat(key)) }
  const contractCase = targetContract.find(({ name }) => name.startsWith('stat tells the size'))!
  await expect(contractCase.run(liar, { prefix: 'x' })).rejects.toThrow(new ContractViolation('its size: 124 instead of 123'))
})

test('no two cases have the same name', () => {
  expect(new Set(targetContract.map(({ name }) => name)).size).toBe(targetContract.length)
})

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function failing(): Promise<never> {
  throw new Error('no')
}

function plusOne<T extends { sizeBytes: number }>(stat: T | null): T | null {
  return stat && { ...stat, sizeBytes: stat.sizeBytes + 1 }
}

async function* asObjects(entries: AsyncIterable<ObjectEntry>): AsyncGenerator<ObjectEntry> {
  for await (const entry of entries) yield { ...entry, kind: 'object' }
}

async function* relative(prefix: string, entries: AsyncIterable<ObjectEntry>): AsyncGenerator<ObjectEntry> {
  for await (const entry of entries) yield { ...entry, key: entry.key.slice(prefix.length) }
}

async function removeByText(inner: Target, prefix: string): Promise<{ objects: number }> {
  let objects = 0
  const parent = prefix.slice(0, prefix.lastIndexOf('/'))
  for await (const { key } of inner.list(parent, { recursive: true })) {
    if (!key.startsWith(prefix)) continue
    await inner.remove(key)
    objects++
  }
  return { objects }
}

/** Each key for one writer; of who comes meanwhile only those that want nothing to be there are let through. */
function oneAtATime(inner: Target): Target['put'] {
  const underWay = new Set<string>()
  return async (key, body, options = {}) => {
    if (options.ifAbsent === true) return await inner.put(key, body, options)
    if (underWay.has(key)) throw new BastionError('target_unreachable', 'somebody else is writing there')
    underWay.add(key)
    try {
      return await inner.put(key, body, options)
    } finally {
      underWay.delete(key)
    }
  }
}

async function keepPart(inner: Target, key: string, body: AsyncIterable<Uint8Array>, options: object): Promise<{ sizeBytes: number }> {
  let failure: { error: unknown } | undefined
  async function* forgiving(): AsyncGenerator<Uint8Array> {
    try {
      yield* body
    } catch (error) {
      failure = { error }
    }
  }
  const result = await inner.put(key, forgiving(), options)
  if (failure !== undefined) throw failure.error
  return result
}

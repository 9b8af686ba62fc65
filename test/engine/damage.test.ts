import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { objectNames, partName, runPrefix } from '../../src/core/artifact.ts'
import { BastionError } from '../../src/core/errors.ts'
import type { RestoreReport } from '../../src/engine/restoring/restore-report.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { below, entriesBelow, objectsOf, restoreRun, runBackup, type StoredRun, verifyRun } from '../support/engine.ts'
import { type SourceTree, sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

const keys = generateAgeKeyPair()
let work: Awaited<ReturnType<typeof workFolder>>
let count = 0
let tree: SourceTree

/** A stored artifact whose objects a test copies and then harms. */
interface Sample {
  ref: StoredRun['ref']
  objects: ReadonlyMap<string, Buffer>
  identities: readonly string[]
  prefix: string
}
const samples = new Map<boolean, Sample>()

beforeAll(async () => {
  work = await workFolder()
  tree = sourceTree(path.join(work.path, 'source'))
  for (let i = 0; i < 300; i++) tree.file(`many/${i % 5}/${i}`, 4000 + i)
  for (let i = 0; i < 4; i++) tree.file(`large/${i}`, 700_000)
  tree.link('links/a', 'large/0').link('links/b', 'many/0/0').symlink('links/c', 'a').fifo('links/d').finish()
  for (const encrypted of [false, true]) {
    const target = createMemoryTarget()
    const run = await runBackup({ target, sources: [tree.root], pipeline: { recipients: encrypted ? [keys.recipient] : [] } })
    samples.set(encrypted, {
      ref: run.ref,
      objects: await objectsOf(target),
      identities: encrypted ? [keys.identity] : [],
      prefix: runPrefix(run.ref.jobId, run.ref.runId),
    })
  }
})

afterAll(() => work[Symbol.asyncDispose]())

function folder(): string {
  const made = path.join(work.path, String(++count))
  mkdirSync(made)
  return made
}

/** The bytes of objects by their name in the run's directory; what a harm does to them is what is stored. */
type Harm = (objects: Map<string, Buffer>) => unknown

function flipped(name: string, where: (size: number) => number): Harm {
  return (objects) => {
    const bytes = Buffer.from(objects.get(name)!)
    const at = where(bytes.length)
    bytes[at] = bytes[at]! ^ 0x40
    objects.set(name, bytes)
  }
}

async function harmed({ ref, objects, prefix }: Sample, harm: Harm): Promise<StoredRun> {
  const own = new Map([...objects].filter(([key]) => key.startsWith(prefix)).map(([key, bytes]) => [key.slice(prefix.length + 1), bytes]))
  harm(own)
  const target: Target = createMemoryTarget()
  for (const [name, bytes] of own) await target.put(`${prefix}/${name}`, bytes)
  return { target, ref }
}

async function refusalOf(running: Promise<unknown>): Promise<BastionError> {
  const outcome: unknown = await running.catch((error: unknown) => error)
  if (!(outcome instanceof BastionError)) throw new Error('it was not refused', { cause: outcome })
  return outcome
}

/** Restores what is whole: everything that comes back is as it was, and what does not is told. */
async function restoreDamaged(run: StoredRun, identities: readonly string[]): Promise<{ report: RestoreReport; missing: string[] }> {
  const into = folder()
  const report = await restoreRun(run, into, { damaged: true, identities })
  const lines = compareTrees(tree.root, below(into, tree.root), { ignore: ['one file with'] })
  expect(lines.filter((line) => !line.endsWith(': missing on the right'))).toEqual([])
  expect(readdirSync(below(into, tree.root), { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.bastion-restore'))).toEqual([])
  const missing = lines.map((line) => line.slice(1, -"': missing on the right".length))
  expect(report.failed.total).toBe(0)
  expect(report.damaged.total).toBe(missing.length)
  return { report, missing }
}

const middle = (size: number) => size >>> 1

describe.each([
  { stored: 'plain', encrypted: false },
  { stored: 'encrypted', encrypted: true },
])('of an artifact stored $stored', ({ encrypted }) => {
  const sample = () => samples.get(encrypted)!
  const indexName = encrypted ? objectNames.encryptedIndex : objectNames.index
  const parts = () => [...sample().objects.keys()].filter((key) => key.includes('/payload.part')).map((key) => path.posix.basename(key))

  test('what is whole is verified at every level', async () => {
    const run = await harmed(sample(), () => {})
    for (const level of ['chain', 'sample', 'full'] as const) {
      expect(await verifyRun(run, level, sample().identities)).toMatchObject({
        ok: true,
        level,
        objects: { expected: parts().length + 1, checked: parts().length + 1 },
      })
    }
    expect(await restoreDamaged(run, sample().identities)).toMatchObject({ missing: [] })
  })

  test.each([1, 2, 3])('a flipped bit in part %i is found by its name, refused, and costs only what lies there', async (number) => {
    const name = partName(number)
    const run = await harmed(sample(), flipped(name, middle))
    const report = await verifyRun(run, 'full', sample().identities)
    expect(report).toMatchObject({ ok: false, damaged: { sample: [{ object: name }, ...report.damaged.sample.slice(1)] } })
    // All of it looked at, in spite of that.
    expect(report.entries).toMatchObject({ expected: (await entriesBelow(run, tree.root, sample().identities)).size })
    expect(await refusalOf(restoreRun(run, folder(), { identities: sample().identities }))).toMatchObject({ code: 'artifact_damaged' })
    const { missing } = await restoreDamaged(run, sample().identities)
    expect(missing.length).toBeGreaterThan(0)
    expect(missing.length).toBeLessThan(40)
  })

  test.each(['missing', 'cut short', 'longer', 'exchanged with the next'] as const)(
    'a part that is %s is found by its name, refused, and costs only what lies there',
    async (how) => {
      const name = partName(2)
      const run = await harmed(sample(), (objects) => {
        const [bytes, next] = [objects.get(name)!, objects.get(partName(3))!]
        if (how === 'missing') objects.delete(name)
        else if (how === 'cut short') objects.set(name, bytes.subarray(0, bytes.length - 1000))
        else if (how === 'longer') objects.set(name, Buffer.concat([bytes, Buffer.from('x')]))
        else objects.set(name, next).set(partName(3), bytes)
      })
      const level = how === 'exchanged with the next' ? 'full' : 'chain'
      const report = await verifyRun(run, level, sample().identities)
      expect(report.ok).toBe(false)
      expect(report.damaged.sample[0]).toMatchObject({ object: name })
      expect(await verifyRun(run, 'full', sample().identities)).toMatchObject({ ok: false })
      if (how === 'longer') return
      expect(await refusalOf(restoreRun(run, folder(), { identities: sample().identities }))).toMatchObject({ code: 'artifact_damaged' })
      const { missing, report: restored } = await restoreDamaged(run, sample().identities)
      expect(missing.length).toBeGreaterThan(0)
      expect(restored.restored.files).toBeGreaterThan(50)
    },
  )

  test.each(['missing', 'cut short', 'flipped'] as const)('an index that is %s is found by its name and refused', async (how) => {
    const run = await harmed(sample(), (objects) => {
      const bytes = objects.get(indexName)!
      if (how === 'missing') objects.delete(indexName)
      else if (how === 'cut short') objects.set(indexName, bytes.subarray(0, -100))
      else flipped(indexName, middle)(objects)
    })
    const report = await verifyRun(run, 'full', sample().identities)
    expect(report).toMatchObject({ ok: false })
    expect(report.damaged.sample[0]).toMatchObject({ object: indexName })
    expect(await refusalOf(restoreRun(run, folder(), { identities: sample().identities }))).toMatchObject({ code: 'artifact_damaged' })
  })

  test.each([objectNames.run, objectNames.manifest, objectNames.complete])(
    '%s that is flipped, cut short or missing is named, and nothing is restored',
    async (name) => {
      for (const harm of [
        flipped(name, () => 0),
        (objects: Map<string, Buffer>) => void objects.set(name, objects.get(name)!.subarray(0, -10)),
        (objects: Map<string, Buffer>) => void objects.delete(name),
      ]) {
        const run = await harmed(sample(), harm)
        const isGone = (await run.target.stat(`${sample().prefix}/${name}`)) === null
        // Without its marker it is no artifact at all.
        const code = isGone && name === objectNames.complete ? 'artifact_not_found' : 'artifact_damaged'
        const into = folder()
        for (const refusal of [
          await refusalOf(verifyRun(run, 'full', sample().identities)),
          await refusalOf(restoreRun(run, into, { damaged: true, identities: sample().identities })),
        ]) {
          expect(refusal.code).toBe(code)
          if (code === 'artifact_damaged') expect(refusal.message).toContain(name)
        }
        expect(readdirSync(into)).toEqual([])
      }
    },
  )

  test('every bit flipped in the manifest is noticed', async () => {
    const bytes = sample().objects.get(`${sample().prefix}/${objectNames.manifest}`)!
    for (let at = 0; at < bytes.length; at += 97) {
      const run = await harmed(
        sample(),
        flipped(objectNames.manifest, () => at),
      )
      expect(await refusalOf(verifyRun(run, 'chain', sample().identities))).toMatchObject({ code: 'artifact_damaged' })
    }
  })

  test('the last part, with the end of the stream, is found when it is flipped anywhere', async () => {
    const name = parts().at(-1)!
    for (const back of [1, 9, 2000]) {
      const run = await harmed(
        sample(),
        flipped(name, (size) => size - back),
      )
      const report = await verifyRun(run, 'full', sample().identities)
      expect(report.ok).toBe(false)
      expect(report.damaged.sample[0]).toMatchObject({ object: name })
      // Also where the table of frames is broken: then they are looked for.
      expect((await restoreDamaged(run, sample().identities)).missing.length).toBeLessThan(40)
    }
  })
})

test.each([false, true])('what lies before a lost last part comes back (encrypted: %s)', async (encrypted) => {
  const sample = samples.get(encrypted)!
  const last = [...sample.objects.keys()].findLast((key) => key.includes('/payload.part'))!
  const run = await harmed(sample, (objects) => objects.delete(path.posix.basename(last)))
  expect(await refusalOf(restoreRun(run, folder(), { identities: sample.identities }))).toMatchObject({ code: 'artifact_damaged' })
  const { report, missing } = await restoreDamaged(run, sample.identities)
  expect(missing.length).toBeGreaterThan(0)
  expect(report.restored.files).toBeGreaterThan(50)
})

test('a wrong key opens nothing, and is not taken for damage', async () => {
  const sample = samples.get(true)!
  const run = await harmed(sample, () => {})
  for (const identities of [[], [generateAgeKeyPair().identity]]) {
    expect(await refusalOf(verifyRun(run, 'full', identities))).toMatchObject({ code: 'encryption_key_missing' })
    expect(await refusalOf(restoreRun(run, folder(), { identities }))).toMatchObject({ code: 'encryption_key_missing' })
  }
  // Sizes can be checked without it.
  expect(await verifyRun(run, 'chain')).toMatchObject({ ok: true })
})

test('an artifact put into the directory of another run is refused', async () => {
  const [one, other] = [samples.get(false)!, samples.get(true)!]
  const run = await harmed(one, () => {})
  for (const [key, bytes] of one.objects) if (key.startsWith(one.prefix)) await run.target.put(key.replace(one.ref.runId, other.ref.runId), bytes)
  expect(await refusalOf(verifyRun({ target: run.target, ref: other.ref }))).toMatchObject({ code: 'artifact_damaged' })
})

test('what is restored of a damaged artifact has its hard links still', async () => {
  const sample = samples.get(false)!
  const run = await harmed(sample, flipped(partName(3), middle))
  const into = folder()
  const report = await restoreRun(run, into, { damaged: true })
  expect(report.damaged.total).toBeGreaterThan(0)
  const at = below(into, tree.root)
  const [first, second] = ['large/0', 'links/a'].map((name) => lstatSync(path.join(at, name), { throwIfNoEntry: false }))
  if (first !== undefined) expect(second!.ino).toBe(first.ino)
  expect(readFileSync(path.join(at, 'links/b')).equals(readFileSync(tree.at('links/b')))).toBe(true)
})

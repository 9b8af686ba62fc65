import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { targetIdentityKey } from '../../src/core/artifact.ts'
import { restoreToTarget, type TargetRestoreReport } from '../../src/engine/restore-to-target.ts'
import { selectEntries } from '../../src/engine/selection.ts'
import type { ConflictPolicy } from '../../src/core/operation.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { sampleBytes } from '../support/age-samples.ts'
import { objectOf, objectsOf, openRun, runBackup, type StoredRun } from '../support/engine.ts'
import { openRealServers, type RealServers } from '../support/servers/real-servers.ts'
import { type SourceTree, sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let tree: SourceTree
let servers: RealServers
let runs: { name: string; run: StoredRun; identities: string[] }[]
/** of the source, as keys: what it is restored below */
let root: string

const large = 6_000_000

beforeAll(async () => {
  work = await workFolder()
  servers = await openRealServers()
  tree = sourceTree(path.join(work.path, 'source'))
    .file('a', 'a', { mode: 0o640 })
    .file('empty', '')
    .file('large', sampleBytes(large))
    .link('large too', 'large')
    .sparse('sparse', 3_000_000, [[1_000_000, 5000]])
    .symlink('link', 'a')
    .dir('nothing in it')
    .fifo('pipe')
  for (let i = 0; i < 300; i++) tree.file(`many/${i}`, `${i}`.repeat(i))
  tree.finish()
  root = tree.root.slice(1)
  const { identity, recipient } = generateAgeKeyPair()
  const sources = [tree.root]
  const backedUp = async (pipeline: Parameters<typeof runBackup>[0]['pipeline'] & {}) =>
    await runBackup({ target: createMemoryTarget(), sources, pipeline })
  runs = [
    { name: 'an archive', run: await backedUp({}), identities: [] },
    { name: 'an encrypted archive', run: await backedUp({ recipients: [recipient] }), identities: [identity] },
    { name: 'a tree', run: await backedUp({ format: 'raw_tree_v1' }), identities: [] },
  ]
})
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

async function restored(
  run: StoredRun,
  destination: Target,
  options: { identities?: string[]; only?: string[]; conflict?: ConflictPolicy; damaged?: boolean } = {},
): Promise<TargetRestoreReport> {
  return await restoreToTarget({
    artifact: await openRun(run, options.identities ?? []),
    destination,
    selection: selectEntries(options.only ?? []),
    conflict: options.conflict ?? 'fail',
    damaged: options.damaged ?? false,
    clock: { now: Date.now },
    signal: new AbortController().signal,
    onProgress: () => {},
  })
}

const sourcePath = (name: string) => `${tree.root}/${name}`
const names = () => ['a', 'empty', 'large', 'large too', 'sparse', ...Array.from({ length: 300 }, (_, i) => `many/${i}`)]

describe.each(['webdav', 's3', 'sftp', 'memory'])('to %s', (kind) => {
  test.for(['an archive', 'an encrypted archive', 'a tree'])(
    'every file of %s is an object with its content, and what has no place there is told',
    async (of, { skip }) => {
      const place = servers.all.find(({ name }) => name.startsWith(kind))
      if (kind !== 'memory' && place === undefined) return skip(servers.missing.join('; '))
      const { run, identities } = runs.find(({ name }) => name === of)!
      const destination = place === undefined ? createMemoryTarget() : await place.open()
      try {
        const report = await restored(run, destination, { identities })
        expect(report).toMatchObject({ failed: { total: 0 }, damaged: { total: 0 }, conflicts: { total: 0 }, skipped: 0 })
        for (const name of names()) expect((await objectOf(destination, `${root}/${name}`)).equals(readFileSync(tree.at(name))), name).toBe(true)
        expect(report.restored.files + report.restored.links).toBeGreaterThanOrEqual(names().length)
        const holdsLinks = destination.features.realTree === true
        expect(report.not_held.links).toBe(holdsLinks ? 0 : 1)
        expect(report.not_held.others).toBe(1)
        expect(report.not_held.dirs > 0).toBe(!holdsLinks)
        expect(report.metadata.mode > 0).toBe(!holdsLinks)
      } finally {
        await destination.close()
      }
    },
  )

  test('what is there is treated by the policy, and a directory is never replaced', async ({ skip }) => {
    const place = servers.all.find(({ name }) => name.startsWith(kind))
    if (kind !== 'memory' && place === undefined) return skip(servers.missing.join('; '))
    const { run } = runs[0]!
    const destination = place === undefined ? createMemoryTarget() : await place.open()
    const only = ['a', 'empty'].map(sourcePath)
    const text = async (name: string): Promise<string> => (await objectOf(destination, `${root}/${name}`)).toString()
    try {
      await destination.put(`${root}/a`, Buffer.from('somebody else'))
      await destination.put(`${root}/empty/below`, Buffer.from('in the way'))
      await expect(restored(run, destination, { only })).rejects.toMatchObject({ code: 'restore_conflict' })
      expect(await restored(run, destination, { only, conflict: 'skip' })).toMatchObject({ skipped: 2 })
      expect(await text('a')).toBe('somebody else')
      expect(await restored(run, destination, { only, conflict: 'rename' })).toMatchObject({ renamed: 2 })
      expect([await text('a'), await text('a.restored-1'), await text('empty.restored-1')]).toEqual(['somebody else', 'a', ''])
      expect(await restored(run, destination, { only, conflict: 'overwrite' })).toMatchObject({ restored: { files: 1 }, conflicts: { total: 1 } })
      expect([await text('a'), await text('empty/below')]).toEqual(['a', 'in the way'])
    } finally {
      await destination.close()
    }
  })

  test('nothing that is damaged gets a name there', async ({ skip }) => {
    const place = servers.all.find(({ name }) => name.startsWith(kind))
    if (kind !== 'memory' && place === undefined) return skip(servers.missing.join('; '))
    const copy = createMemoryTarget()
    const { run } = runs[2]!
    for (const [key, bytes] of await objectsOf(run.target)) {
      if (key.endsWith('/large') || key.endsWith('/many/7')) bytes[bytes.length - 1]! ^= 1
      await copy.put(key, bytes)
    }
    const destination = place === undefined ? createMemoryTarget() : await place.open()
    try {
      const only = ['large', 'many', 'a'].map(sourcePath)
      const harmed = { target: copy, ref: run.ref }
      expect(await restored(harmed, destination, { only, damaged: true })).toMatchObject({ restored: { files: 300 }, damaged: { total: 2 } })
      for (const name of ['large', 'many/7']) expect(await destination.stat(`${root}/${name}`)).toBe(null)
      await expect(restored(harmed, destination, { only, conflict: 'overwrite' })).rejects.toMatchObject({ code: 'artifact_damaged' })
    } finally {
      await destination.close()
    }
  })
})

test('a place where artifacts are kept is refused', async () => {
  const { run } = runs[0]!
  expect(await run.target.stat(targetIdentityKey)).not.toBe(null)
  await expect(restored(run, run.target)).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('names that the place may take for others are told and not stored', async () => {
  const odd = sourceTree(path.join(work.path, 'odd')).file('README', '1').file('readme', '2').file('caf\xe9', '3').file('plain', '4').finish()
  const run = await runBackup({ target: createMemoryTarget(), sources: [odd.root] })
  const inner = createMemoryTarget()
  const { names: _, ...features } = inner.features
  const report = await restored(run, { ...inner, features })
  expect(report).toMatchObject({ restored: { files: 2 }, failed: { total: 2 } })
  expect([...(await objectsOf(inner)).keys()].map((key) => path.basename(key))).toEqual(['README', 'plain'])
})

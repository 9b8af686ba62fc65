import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Format, formatSchema, objectNames, runPrefix, targetIdentityKey } from '../../src/core/artifact.ts'
import { artifactName } from '../../src/engine/list.ts'
import type { TargetMethod } from '../../src/engine/targets/counting-target.ts'
import { createFaultyTarget, type Fault } from '../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { newTemporaryName } from '../../src/engine/targets/temporary-name.ts'
import { listedRuns, objectKeys, type RemovalCase, removalCase, remove } from '../support/removal-case.ts'
import { scale } from '../support/scale.ts'
import { openRealServers, type RealServers } from '../support/servers/real-servers.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let servers: RealServers
beforeAll(async () => {
  work = await workFolder()
  servers = await openRealServers()
}, 120_000)
afterAll(async () => {
  await servers[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

let folders = 0
function newFolder(): string {
  const folder = path.join(work.path, `case-${++folders}`)
  mkdirSync(folder)
  return folder
}

const localTarget = (folder: string) => createLocalDirTarget({ path: path.join(folder, 'target') })

async function localCase(format: Format = 'archive_v1'): Promise<RemovalCase & { root: string }> {
  const folder = newFolder()
  return { ...(await removalCase(localTarget(folder), folder, format)), root: path.join(folder, 'target') }
}

/** What stands anywhere in a folder, hidden from a target or not. */
const names = (root: string) => readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted()

describe.each(formatSchema.options)('an artifact as %s', (format) => {
  test('goes with its directory and nothing beside it, and is not there the second time', async () => {
    const places = [{ open: async () => createMemoryTarget() }, { open: async () => localTarget(newFolder()) }, ...servers.all]
    for (const { open } of places) {
      const here = await removalCase(await open(), newFolder(), format)
      const { target, ref, other } = here
      const before = await objectKeys(target)
      const mine = await objectKeys(target, artifactName(ref))
      let begun = 0
      const removed = await remove(here, { onBegin: () => (begun += 1) })
      expect(removed).toMatchObject({ result: 'removed', objects: expect.any(Number), bytes: expect.any(Number) })
      expect(begun).toBe(1)
      expect(await objectKeys(target)).toEqual(before.filter((key) => !mine.includes(key)))
      for await (const { key } of target.list(ref.jobId)) expect(key).toBe(artifactName(other))
      expect(await remove(here, { onBegin: () => (begun += 1) })).toEqual({ result: 'not_there' })
      expect(begun).toBe(1)
      await target.close()
    }
    expect(servers.missing).toEqual([])
  }, 120_000)

  test('is whole or finished by the next try, wherever its removal was cut', async () => {
    const { root, ref, other, targetId } = await localCase(format)
    const target = createLocalDirTarget({ path: root })
    const all = (await objectKeys(target, artifactName(ref))).map((key) => path.relative(artifactName(ref), key))
    const { complete, manifest, run } = objectNames
    const others = all.filter((name) => ![complete, manifest, run].includes(name as never))
    const kept = path.join(path.dirname(root), 'kept')
    cpSync(root, kept, { recursive: true })
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(others, { minLength: others.length }), fc.nat(others.length + 2), async (order, cut) => {
        rmSync(root, { recursive: true })
        cpSync(kept, root, { recursive: true })
        const steps = [complete, ...order, manifest, run].slice(0, cut + 1)
        for (const name of steps) rmSync(path.join(root, artifactName(ref), name))
        if (cut === others.length + 2)
          for (const name of names(path.join(root, artifactName(ref))).toReversed())
            rmSync(path.join(root, artifactName(ref), name), { recursive: true })
        expect(await listedRuns(target)).toEqual([`${other.runId} present`])
        expect(await remove({ target, ref, other, targetId })).toMatchObject({ result: 'removed' })
        expect(existsSync(path.join(root, artifactName(ref)))).toBe(false)
        expect(names(path.join(root, artifactName(other)))).toEqual(names(path.join(kept, artifactName(other))))
      }),
      { numRuns: scale(25, 300) },
    )
  })
})

test('what a target does not list goes too: temporary files, links, names that are not UTF-8', async () => {
  const { root, target, ref, other, targetId } = await localCase()
  const directory = path.join(root, artifactName(ref))
  writeFileSync(path.join(directory, newTemporaryName('payload.part000009')), 'half')
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff])]), 'odd')
  symlinkSync('/', path.join(directory, 'link'))
  expect(await remove({ target, ref, other, targetId })).toMatchObject({ result: 'removed' })
  expect(existsSync(directory)).toBe(false)
  expect(existsSync('/etc')).toBe(true)
})

type Change = (directory: string, ref: RemovalCase['ref'], root: string) => void
const runJson = (directory: string) => path.join(directory, objectNames.run)
const marker = (ref: RemovalCase['ref'], change: object) =>
  JSON.stringify({
    v: 1,
    hub_id: 'test',
    job_id: ref.jobId,
    run_id: ref.runId,
    node_id: 'here',
    format: 'archive_v1',
    owner_token: 'x'.repeat(16),
    started_at: 1,
    ...change,
  })
const anotherRun = '01a1fd05-fef3-705a-a4f8-33b44208a591'

/** What must be left as it is, each with the reason that is told. */
const refused: Record<string, { code: string; message?: string; change: Change }> = {
  'holds no run.json': { code: 'conflict', message: 'it holds no run.json', change: (directory) => rmSync(runJson(directory)) },
  'has a run.json that is not JSON': {
    code: 'conflict',
    message: 'cannot be understood',
    change: (directory) => writeFileSync(runJson(directory), '{'),
  },
  'has a run.json without an owner': {
    code: 'conflict',
    message: 'cannot be understood',
    change: (directory, ref) => writeFileSync(runJson(directory), marker(ref, { owner_token: undefined })),
  },
  'has the run.json of another run': {
    code: 'conflict',
    message: `that of test-job/${anotherRun}`,
    change: (directory, ref) => writeFileSync(runJson(directory), marker(ref, { run_id: anotherRun })),
  },
  'has the run.json of another job': {
    code: 'conflict',
    message: 'that of another-job/',
    change: (directory, ref) => writeFileSync(runJson(directory), marker(ref, { job_id: 'another-job' })),
  },
  'was stored by another Hub': {
    code: 'conflict',
    message: 'another Hub has stored it (theirs)',
    change: (directory, ref) => writeFileSync(runJson(directory), marker(ref, { hub_id: 'theirs' })),
  },
  'is a file': {
    code: 'conflict',
    message: 'it is no directory',
    change(directory) {
      rmSync(directory, { recursive: true })
      writeFileSync(directory, 'mine')
    },
  },
  'is a link': {
    code: 'target_rejected',
    message: 'symbolic link',
    change(directory, _ref, root) {
      cpSync(directory, path.join(root, 'elsewhere'), { recursive: true })
      rmSync(directory, { recursive: true })
      symlinkSync(path.join(root, 'elsewhere'), directory)
    },
  },
  'holds only a link': {
    code: 'conflict',
    message: 'something is in it that is no object',
    change(directory) {
      rmSync(directory, { recursive: true })
      mkdirSync(directory)
      symlinkSync('nowhere', path.join(directory, 'link'))
    },
  },
  'lies on another target': {
    code: 'target_identity',
    change: (_directory, _ref, root) => writeFileSync(path.join(root, targetIdentityKey), '{"v":1,"target_id":"another","created_at":1}'),
  },
  'lies on a target that is not known any more': {
    code: 'target_identity',
    change: (_directory, _ref, root) => rmSync(path.join(root, targetIdentityKey)),
  },
}

describe('left as it is', () => {
  test.each(Object.keys(refused))('is a directory that %s', async (name) => {
    const { code, message, change } = refused[name]!
    const here = await localCase()
    change(path.join(here.root, artifactName(here.ref)), here.ref, here.root)
    const before = names(here.root)
    let begun = false
    await expect(remove(here, { onBegin: () => (begun = true) })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message ?? ''),
    })
    // An empty directory is begun by trying to remove it.
    expect(begun).toBe(name === 'holds only a link')
    expect(names(here.root)).toEqual(before)
  })

  test('is what is gone with its disk: nothing there is not believed then', async () => {
    const here = await localCase()
    rmSync(here.root, { recursive: true })
    await expect(remove(here)).rejects.toMatchObject({ code: 'target_identity' })
    const emptyDisk = createFaultyTarget(here.target, {})
    mkdirSync(here.root)
    await expect(remove({ ...here, target: emptyDisk })).rejects.toMatchObject({ code: 'target_identity' })
  })

  test('is what a disk shows no more that goes away between two looks', async () => {
    const here = await localCase()
    const vanishing: Target = {
      ...here.target,
      async *list(prefix, options) {
        rmSync(here.root, { recursive: true, force: true })
        yield* here.target.list(prefix, options)
      },
    }
    await expect(remove({ ...here, target: vanishing })).rejects.toMatchObject({ code: 'target_identity' })
  })
})

test("another Hub's artifact goes by force", async () => {
  const here = await localCase()
  writeFileSync(runJson(path.join(here.root, artifactName(here.ref))), marker(here.ref, { hub_id: 'theirs' }))
  expect(await remove(here, { force: true })).toMatchObject({ result: 'removed' })
})

const disturbed: TargetMethod[] = ['get', 'stat', 'list', 'remove', 'removeTree', 'removeDirectory']
const faults: Fault[] = [
  { kind: 'error', code: 'target_unreachable' },
  { kind: 'lost_answer', code: 'target_unreachable' },
]

describe.each(faults)('a target that fails ($kind)', (fault) => {
  test.each(disturbed)('at any %s leaves the artifact whole, or to be finished', async (method) => {
    for (let nth = 1; ; nth++) {
      const here = await removalCase(createMemoryTarget(), newFolder(), 'archive_v1')
      const before = await objectKeys(here.target, runPrefix(here.other.jobId, here.other.runId))
      let begun = false
      const target = createFaultyTarget(here.target, { rules: [{ fault, method, from: nth, times: 1 }] })
      const failure: unknown = await remove({ ...here, target }, { onBegin: () => (begun = true) }).then(
        () => null,
        (error: unknown) => error,
      )
      if (failure !== null) {
        expect(failure).toMatchObject({ code: 'target_unreachable' })
        const listed = await listedRuns(here.target)
        if (begun) expect([[`${here.other.runId} present`], [`${here.ref.runId} present`, `${here.other.runId} present`]]).toContainEqual(listed)
        else expect(listed).toEqual([`${here.ref.runId} present`, `${here.other.runId} present`])
        expect(await remove(here)).toMatchObject({ result: expect.stringMatching(/^(removed|not_there)$/) })
      }
      expect(await objectKeys(here.target, artifactName(here.ref))).toEqual([])
      expect(await objectKeys(here.target, artifactName(here.other))).toEqual(before)
      if (failure === null) break
    }
  })
})

describe('a target that lies', () => {
  test('about the marker keeps the artifact whole', async () => {
    const here = await removalCase(createMemoryTarget(), newFolder(), 'archive_v1')
    const before = await objectKeys(here.target)
    await expect(remove({ ...here, target: { ...here.target, remove: async () => {} } })).rejects.toMatchObject({ code: 'target_rejected' })
    expect(await objectKeys(here.target)).toEqual(before)
  })

  test('about all the rest is not believed', async () => {
    const here = await removalCase(createMemoryTarget(), newFolder(), 'archive_v1')
    const liar = { ...here.target, removeTree: async () => ({ objects: 9 }) }
    await expect(remove({ ...here, target: liar })).rejects.toMatchObject({
      code: 'target_rejected',
      message: expect.stringContaining('still there'),
    })
    expect(await listedRuns(here.target)).toEqual([`${here.other.runId} present`])
    expect(await remove(here)).toMatchObject({ result: 'removed' })
  })
})

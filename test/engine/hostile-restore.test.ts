import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BastionError } from '../../src/core/errors.ts'
import type { RestoreReport } from '../../src/engine/restoring/restore-report.ts'
import type { ConflictPolicy } from '../../src/core/operation.ts'
import { encodeSparseMap } from '../../src/engine/formats/archive-v1/tar-header.ts'
import { readEntry } from '../../src/engine/read-entry.ts'
import { sampleBytes } from '../support/age-samples.ts'
import { isRoot } from '../support/as-user.ts'
import { openRun, restoreRun, type StoredRun, verifyRun } from '../support/engine.ts'
import { anArtifact, type ForgedArtifact, type ForgedEntry, forgeObjects, storeForged } from '../support/fuzz/forge-artifact.ts'
import { type TrappedDestination, trappedDestination } from '../support/fuzz/outside-tree.ts'
import { headerOf, aTarMember } from '../support/tar.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0

beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

function forged(entries: ForgedEntry[], over: Partial<ForgedArtifact> = {}): Promise<StoredRun> {
  return storeForged(forgeObjects(anArtifact(entries, over)))
}

/** A destination among traps: `trap` leads out, `trap file` to a file there, `foreign/secret` is somebody else's. */
function trapped(isEmpty = false): TrappedDestination {
  return trappedDestination(path.join(work.path, String(++count)), { isEmpty })
}

async function attempt(run: StoredRun, destination: string, conflict: ConflictPolicy, damaged = false): Promise<RestoreReport | BastionError> {
  return restoreRun(run, destination, { conflict, damaged }).catch((error: unknown) => {
    if (error instanceof BastionError) return error
    throw error
  })
}

const file = (name: string, over: Partial<ForgedEntry> = {}): ForgedEntry => ({
  path: name,
  kind: 'file',
  content: `content of ${name.slice(0, 99)}`,
  ...over,
})
const symlink = (name: string, target: string): ForgedEntry => ({ path: name, kind: 'symlink', target })
const hardlink = (name: string, target: string): ForgedEntry => ({ path: name, kind: 'hardlink', target })
/** Of one byte, and a hole before it. */
function sparse(sizeBytes: number): ForgedEntry {
  const layout = { map: [[4096, 1] as const], realSizeBytes: sizeBytes }
  const hash = new Blake3Hasher().update(encodeSparseMap(layout.map, sizeBytes)).update(Buffer.from('x')).digest('hex')
  return { path: 'sparse', kind: 'file', content: 'x', line: { size: sizeBytes, sparse: true, hash }, member: { sparse: layout } }
}
const outside = '../outside/canary'
const good = file('good')

interface HostileCase {
  entries: ForgedEntry[]
  over?: Partial<ForgedArtifact>
  /** how a restore under the policy `fail` ends, without and with `damaged` */
  ends: 'artifact_damaged' | 'restore_conflict' | 'whole' | 'partly'
  /** it is verified all the same: each link of it is what the next one promises */
  verified?: true
}

/** Others are in index/hostile-index.test.ts and archive-v1/tar-reader.test.ts. */
const unsafePaths = ['..', '/etc/passwd', outside, 'a/../../outside/canary', 'a\0b', 'x'.repeat(70_000)]

const table: Record<string, HostileCase> = {
  ...Object.fromEntries(
    unsafePaths.map((name) => [
      `a file called ${JSON.stringify(name.slice(0, 30))}`,
      { entries: [good, file(name)], ends: 'artifact_damaged' } as const,
    ]),
  ),
  'a directory called ".."': { entries: [{ path: '..', kind: 'dir' }, good], ends: 'artifact_damaged' },
  'a name that leads out in its bytes alone': {
    entries: [good, file('tame', { line: { path_b64: Buffer.from(outside).toString('base64') } })],
    ends: 'artifact_damaged',
  },
  'a member that leads out where the index does not': { entries: [good, file('tame', { member: { path: outside } })], ends: 'artifact_damaged' },
  'a member of another name': { entries: [good, file('tame', { member: { path: 'other' } })], ends: 'artifact_damaged' },
  'a member that is a link where the index has a file': {
    entries: [good, file('tame', { content: '', member: { kind: 'symlink', linkPath: outside } })],
    ends: 'artifact_damaged',
  },
  'a member that points elsewhere': { entries: [good, { ...symlink('tame', 'good'), member: { linkPath: outside } }], ends: 'artifact_damaged' },

  'a link that leads out, and a file behind it': {
    entries: [symlink('link', '../outside'), file('link/canary')],
    ends: 'restore_conflict',
    verified: true,
  },
  'a link to the root, and a file behind it': { entries: [symlink('link', '/'), file('link/tmp')], ends: 'restore_conflict', verified: true },
  'a link to a link, and a file behind both': {
    entries: [symlink('a', '.'), symlink('b', 'a/../..'), file('b/outside/canary')],
    ends: 'restore_conflict',
    verified: true,
  },
  'a link that leads out, and a directory and a link behind it': {
    entries: [symlink('link', '../outside'), { path: 'link/dir', kind: 'dir' }, hardlink('link/here', 'good'), good],
    ends: 'restore_conflict',
    verified: true,
  },
  'files behind links that stand in the destination': { entries: [file('trap/canary'), file('trap file')], ends: 'restore_conflict', verified: true },
  'a directory where a link stands in the destination': { entries: [{ path: 'trap', kind: 'dir' }], ends: 'restore_conflict', verified: true },
  'a directory that becomes a link': {
    entries: [{ path: 'd', kind: 'dir' }, symlink('d', '../outside'), file('d/canary')],
    ends: 'artifact_damaged',
  },
  'a path twice in the index': { entries: [good, file('good', { content: 'other' })], ends: 'artifact_damaged' },
  'a path twice in the stream': { entries: [file('good', { content: 'earlier', line: null }), good], ends: 'whole', verified: true },

  ...Object.fromEntries(
    [outside, '/etc/passwd', '', 'a/../good', '.'].map((target) => [
      `a hard link to ${JSON.stringify(target)}`,
      { entries: [good, hardlink('hard', target)], ends: 'artifact_damaged' } as const,
    ]),
  ),
  'a hard link to what is not in the artifact but in the destination': {
    entries: [good, hardlink('hard', 'foreign/secret')],
    ends: 'artifact_damaged',
  },
  'a hard link to what a link leads to': { entries: [symlink('link', '../outside'), hardlink('hard', 'link/canary')], ends: 'artifact_damaged' },
  'a hard link to a link, where somebody else’s file stands': {
    entries: [symlink('foreign/secret', 'x'), hardlink('hard', 'foreign/secret')],
    ends: 'restore_conflict',
  },
  'a hard link to a directory': { entries: [{ path: 'd', kind: 'dir' }, hardlink('hard', 'd')], ends: 'artifact_damaged' },
  'a hard link to itself': { entries: [good, hardlink('hard', 'hard')], ends: 'artifact_damaged' },
  'hard links in a ring': { entries: [hardlink('a', 'b'), hardlink('b', 'a')], ends: 'artifact_damaged' },
  'a hard link to a hard link': { entries: [file('a'), hardlink('b', 'a'), hardlink('c', 'b')], ends: 'artifact_damaged' },
  'a hard link to a later member': { entries: [hardlink('a', 'good'), good], ends: 'whole', verified: true },

  'a file that is longer than the stream': {
    entries: [good, file('long', { line: { size: 2 ** 50 }, member: { sizeBytes: 2 ** 50 } })],
    ends: 'artifact_damaged',
  },
  'a file that is longer than its member': { entries: [good, file('long', { line: { size: 100_000 } })], ends: 'artifact_damaged' },
  'more content than the manifest promises': {
    entries: [good],
    over: { onManifest: (manifest) => ({ ...manifest, totals: { ...(manifest['totals'] as object), source_bytes: 1 } }) },
    ends: 'artifact_damaged',
  },
  'a sparse file of 8 PiB in an artifact that promises none': {
    entries: [good, sparse(2 ** 53 - 1)],
    over: { onManifest: (manifest) => ({ ...manifest, totals: { ...(manifest['totals'] as object), hole_bytes: undefined } }) },
    ends: 'artifact_damaged',
  },
  'a sparse file that is larger than all the holes that are promised': {
    entries: [good, sparse(100_000)],
    over: { onManifest: (manifest) => ({ ...manifest, totals: { ...(manifest['totals'] as object), hole_bytes: 99_000 } }) },
    ends: 'artifact_damaged',
  },
  'a sparse file with the holes that are promised': { entries: [good, sparse(100_000)], ends: 'whole', verified: true },
  'a path through thirty thousand directories that it does not hold': {
    entries: [good, file(`${'p/'.repeat(30_000)}end`)],
    ends: 'artifact_damaged',
  },
  'many paths through directories that it does not hold': {
    entries: [good, ...Array.from({ length: 30 }, (_, i) => file(`${i}/${'p/'.repeat(200)}end`))],
    ends: 'artifact_damaged',
  },
  'a file without a hash': { entries: [good, file('tame', { line: { hash: undefined } })], ends: 'artifact_damaged' },
  'a file without a size': { entries: [good, file('tame', { line: { size: undefined } })], ends: 'artifact_damaged' },
  'a file without a place': { entries: [good, file('tame', { line: { at: undefined } })], ends: 'artifact_damaged' },
  'a place behind the end of its frame': { entries: [good, file('tame', { line: { at: [0, 2 ** 40] } })], ends: 'artifact_damaged' },
  'a place inside a block': { entries: [good, file('tame', { line: { at: [0, 1] } })], ends: 'artifact_damaged' },
  'a place where no frame begins': { entries: [good, file('tame', { line: { at: [1, 0] } })], ends: 'artifact_damaged' },
  'a frame that is a bomb': {
    entries: [good],
    over: {
      onTar: (frames) => {
        frames[0] = Buffer.concat([frames[0]!, Buffer.alloc(2 ** 26)])
      },
    },
    ends: 'artifact_damaged',
  },
  'a frame of more bytes than its table says': {
    entries: [good],
    over: { onPayloadTable: ([first]) => void (first!.plain -= 512) },
    ends: 'artifact_damaged',
  },
  'a frame of 4 GiB by its table': {
    entries: [good],
    over: { onPayloadTable: ([first]) => void (first!.stored = 2 ** 32 - 1) },
    ends: 'artifact_damaged',
  },
  'parts that promise 8 PiB': {
    entries: [good],
    over: {
      onManifest: (manifest) => ({ ...manifest, artifacts: (manifest['artifacts'] as object[]).map((part) => ({ ...part, size: 2 ** 53 - 1 })) }),
    },
    ends: 'artifact_damaged',
  },
  'a stream that is cut': {
    entries: [good, file('long', { content: Buffer.alloc(50_000, 'x') })],
    over: { onPayload: (stream) => stream.subarray(0, 200) },
    ends: 'artifact_damaged',
  },

  'a kind that is not known': { entries: [good, file('new', { line: { kind: 'whiteout' } })], ends: 'whole', verified: true },
  'a name of 256 bytes': { entries: [good, file('n'.repeat(256))], ends: 'partly', verified: true },
  'a link to more than a link can hold': { entries: [good, symlink('link', 'l'.repeat(5000))], ends: 'partly', verified: true },
}

describe.each(Object.entries(table))('%s', (_, { entries, over, ends, verified }) => {
  test('is restored nowhere else', async () => {
    const run = await forged(entries, over)
    for (const conflict of ['fail', 'overwrite'] as const) {
      using place = trapped()
      const outcome = await attempt(run, place.destination, conflict)
      place.check({ mayReplace: conflict === 'overwrite' })
      if (conflict !== 'fail') continue
      if (outcome instanceof BastionError) expect(outcome.code).toBe(ends)
      else expect({ damaged: outcome.damaged.total, failed: outcome.failed.total > 0 }).toEqual({ damaged: 0, failed: ends === 'partly' })
      if (ends === 'whole' || ends === 'partly') expect(readFileSync(path.join(place.destination, 'good'), 'utf8')).toBe('content of good')
    }
  })

  test(verified === true ? 'agrees with itself when it is verified' : 'is not called whole when it is verified', async () => {
    const report = await verifyRun(await forged(entries, over)).catch((error: unknown) => error)
    if (report instanceof BastionError) expect(report.code).toBe('artifact_damaged')
    else expect(report).toMatchObject({ ok: verified === true })
  })

  test('brings nothing out of place when what is whole of it is restored', async () => {
    using place = trapped()
    const outcome = await attempt(await forged(entries, over), place.destination, 'skip', true)
    place.check({ mayReplace: false })
    if (outcome instanceof BastionError) expect(outcome.code).toBe('artifact_damaged')
  })
})

test('directories deeper than a stack are made, and what is in them', async () => {
  const deep = 'p/'.repeat(10_000)
  // Each entry may have some directories without a line.
  const others = Array.from({ length: 400 }, (_, i) => file(`other/${i}`))
  using place = trapped(true)
  const report = await restoreRun(await forged([...others, file(`${deep}end`)]), place.destination)
  expect(report).toMatchObject({ restored: { files: 401 }, failed: { total: 0 } })
  const { stdout } = spawnSync('find', [place.destination, '-name', 'end', '-printf', '%d %s'], { encoding: 'utf8' })
  expect(stdout).toBe(`10001 ${'content of '.length + 99}`)
})

test('a name is selected by its bytes, whatever else is said of it', async () => {
  const run = await forged([good, file('secret/caf\xe9', { line: { path: 'harmless' } })])
  for (const [only, files] of [
    ['/harmless', 0],
    ['/secret', 1],
  ] as const) {
    using place = trapped(true)
    expect(await restoreRun(run, place.destination, { only: [only] })).toMatchObject({ restored: { files } })
  }
})

test.skipIf(!isRoot)('an owner no file can have is told as not restored: to the system it means to leave the owner as it is', async () => {
  const nobodyAtAll = 0xffff_ffff
  const run = await forged([
    { path: 'dir', kind: 'dir', line: { uid: nobodyAtAll } },
    file('file', { line: { uid: nobodyAtAll, gid: 7, mode: 0o104755 } }),
    file('group', { line: { uid: 7, gid: nobodyAtAll } }),
    { ...symlink('link', 'file'), line: { uid: nobodyAtAll } },
    file('owned', { line: { uid: 7, gid: 7 } }),
  ])
  const destination = path.join(work.path, String(++count))
  const report = await restoreRun(run, destination)
  expect(report.metadata).toMatchObject({ owner: 4, mode: 1, owners_restored: true })
  const ownersOf = (name: string) => {
    const { uid, gid } = lstatSync(path.join(destination, name))
    return [uid, gid]
  }
  expect(['dir', 'file', 'group', 'link', 'owned'].map(ownersOf)).toEqual([
    [0, 0],
    [0, 7],
    [7, 0],
    [0, 0],
    [7, 7],
  ])
  // Lent to whoever owns it now the bit would be lent wrongly.
  expect(lstatSync(path.join(destination, 'file')).mode & 0o7777).toBe(0o755)
})

test('members in a file’s content are not members', async () => {
  const inner = Buffer.concat([headerOf(aTarMember({ path: 'planted', sizeBytes: 5 })), Buffer.from('inner')])
  using place = trapped(true)
  await restoreRun(await forged([file('archive.tar', { content: inner })]), place.destination)
  expect(lstatSync(path.join(place.destination, 'planted'), { throwIfNoEntry: false })).toBe(undefined)
  expect(readFileSync(path.join(place.destination, 'archive.tar')).equals(inner)).toBe(true)
})

test('a hard link never leads to what stood in the destination, whatever part is restored', async () => {
  const run = await forged([file('first'), hardlink('second', 'first'), hardlink('third', 'nothing')])
  for (const only of ['/second', '/third', '*']) {
    for (const conflict of ['skip', 'overwrite', 'rename'] as const) {
      using place = trapped(true)
      for (const name of ['nothing', 'first']) writeFileSync(path.join(place.destination, name), 'somebody else’s')
      await restoreRun(run, place.destination, { conflict, only: [only], damaged: true })
      expect(lstatSync(path.join(place.destination, 'nothing')).nlink).toBe(1)
      expect(lstatSync(path.join(place.destination, 'third'), { throwIfNoEntry: false })).toBe(undefined)
      if (only !== '/third') expect(readFileSync(path.join(place.destination, 'second'), 'utf8')).toBe('content of first')
    }
  }
})

test('a restore that is refused in the middle of a large file leaves nothing of it', async () => {
  const large = file('a large', { content: Buffer.alloc(4_000_000, 'abc') })
  // So much of it that the index does not come with its end, and nothing of it in the payload, which would hold the reading of the index.
  const rest = Array.from({ length: 300 }, (_, i): ForgedEntry => {
    return { path: `b ${100 + i}`, kind: 'socket', line: { user: sampleBytes(1000 + i).toString('base64') } }
  })
  const run = await forged([large, file('a next'), ...rest], {
    linesPerFrame: 1,
    onIndexFrames: (frames) => {
      frames[200] = Buffer.from('not a line\n')
    },
  })
  using place = trapped(true)
  let indexReads = 0
  // The file takes long; the index goes on when it has begun.
  const slow: StoredRun = {
    ref: run.ref,
    target: {
      ...run.target,
      async get(key, options) {
        await passed(key.includes('payload.') ? 30 : (indexReads += 1) > 2 ? 300 : 0)
        return run.target.get(key, options)
      },
    },
  }
  await expect(restoreRun(slow, place.destination)).rejects.toMatchObject({ code: 'artifact_damaged' })
  place.check({ mayReplace: false })
})

test('a file is shown only with the bytes that were promised', async () => {
  const run = await forged([file('tame', { line: { hash: undefined } }), file('other', { line: { hash: '0'.repeat(64) } })])
  for (const name of ['tame', 'other']) {
    await expect(readEntry(await openRun(run), name, { signal: new AbortController().signal, take: () => {} })).rejects.toMatchObject({
      code: 'artifact_damaged',
    })
  }
})

test('the folder that is restored into can itself stand anywhere', async () => {
  using place = trapped(true)
  const inner = path.join(place.destination, 'a')
  mkdirSync(inner)
  await restoreRun(await forged([good]), path.join(inner, '..', 'b'))
  expect(readFileSync(path.join(place.destination, 'b', 'good'), 'utf8')).toBe('content of good')
})

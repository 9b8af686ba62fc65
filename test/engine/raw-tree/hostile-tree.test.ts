import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { objectNames, runPrefix } from '../../../src/core/artifact.ts'
import { BastionError } from '../../../src/core/errors.ts'
import { oddName } from '../../../src/engine/formats/raw-tree-v1/object-name.ts'
import { listArtifacts } from '../../../src/engine/list.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { restoreRun, type StoredRun, verifyRun } from '../../support/engine.ts'
import { anArtifact, type ForgedArtifact, type ForgedEntry, forgedRef, forgeObjects } from '../../support/fuzz/forge-artifact.ts'
import { workFolder } from '../../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0

beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

const secret = 'somebody else’s'
const good: ForgedEntry = { path: 'good', kind: 'file', content: 'content of good' }
const dir: ForgedEntry = { path: 'dir', kind: 'dir' }
/** What the index says of it is true of the secret. */
const victim: ForgedEntry = { path: 'dir/victim', kind: 'file', content: secret }
const prefix = runPrefix(forgedRef.jobId, forgedRef.runId)

interface Stored {
  run: StoredRun
  /** of the target */
  root: string
  /** of the run */
  directory: string
  /** a path beside the target, where nothing is */
  aside: string
}

/** An artifact in a folder, and a second one beside it, of another job. */
function stored(entries: ForgedEntry[], over: Partial<ForgedArtifact> = {}): Stored {
  const folder = path.join(work.path, String(++count))
  const root = path.join(folder, 'target')
  const objects = forgeObjects(anArtifact(entries, { format: 'raw_tree_v1', ...over }))
  const keep = (place: string, change: (bytes: Buffer) => Buffer | string) => {
    for (const [name, bytes] of objects) {
      mkdirSync(path.dirname(path.join(root, place, name)), { recursive: true })
      writeFileSync(path.join(root, place, name), change(bytes))
    }
  }
  keep(prefix, (bytes) => bytes)
  keep(runPrefix('other', forgedRef.runId), (bytes) => bytes)
  return {
    run: { target: createLocalDirTarget({ path: root }), ref: forgedRef },
    root,
    directory: path.join(root, prefix),
    aside: path.join(folder, 'aside'),
  }
}

/** Puts a link where something was, which it leads to. */
function leadOut(place: string, aside: string): void {
  renameSync(place, aside)
  symlinkSync(aside, place)
}

async function statusOf({ run }: Stored): Promise<string[]> {
  const listed: string[] = []
  for await (const { jobId, status } of listArtifacts(run.target, { signal: new AbortController().signal })) listed.push(`${jobId} ${status}`)
  return listed
}

async function verified(run: StoredRun): Promise<boolean> {
  return await verifyRun(run).then(
    (report) => report.ok,
    (error: unknown) => {
      if (error instanceof BastionError) return false
      throw error
    },
  )
}

async function refusal(run: StoredRun, destination: string): Promise<string> {
  return await restoreRun(run, destination).then(
    () => 'restored',
    (error: unknown) => {
      if (error instanceof BastionError) return error.code
      throw error
    },
  )
}

describe('where a link stands in the place of', () => {
  test.each(['manifest', 'complete', 'run'] as const)('%s, the artifact is damaged, and those beside it are listed', async (name) => {
    const place = stored([good, dir, victim])
    leadOut(path.join(place.directory, objectNames[name]), place.aside)
    // Its other markers are not those of job "other": that one was made of the same objects.
    expect(await statusOf(place)).toEqual(['forged damaged', 'other damaged'])
    expect(await verified(place.run)).toBe(false)
    expect(await refusal(place.run, `${place.aside} restored`)).toBe('artifact_damaged')
  })

  test.each([objectNames.index, 'data', 'data/dir', 'data/dir/victim'])('%s, nothing behind it is read', async (name) => {
    const place = stored([good, dir, victim])
    leadOut(path.join(place.directory, name), place.aside)
    expect(await verified(place.run)).toBe(false)
    expect(await refusal(place.run, `${place.aside} restored`)).toBe('artifact_damaged')
    expect(existsSync(`${place.aside} restored/dir/victim`)).toBe(false)
  })

  test.each([prefix, path.dirname(prefix)])('the directory %s, there is no artifact', async (name) => {
    const place = stored([good])
    leadOut(path.join(place.root, name), place.aside)
    expect((await statusOf(place)).filter((each) => each.startsWith('forged'))).toEqual([])
    expect(await verified(place.run)).toBe(false)
    expect(await refusal(place.run, `${place.aside} restored`)).not.toBe('restored')
  })

  test('a part of an archive, it is told as damage', async () => {
    const place = stored([good, dir, victim], { format: 'archive_v1' })
    leadOut(path.join(place.directory, 'payload.part000001'), place.aside)
    expect(await verifyRun(place.run, 'chain')).toMatchObject({ ok: false, damaged: { total: 1 } })
    expect(await refusal(place.run, `${place.aside} restored`)).toBe('artifact_damaged')
  })
})

function giantAt(file: string): void {
  writeFileSync(file, '')
  truncateSync(file, 2 ** 40)
}

test.each<[string, (file: string, other: string) => void]>([
  ['a directory', (file) => mkdirSync(file)],
  ['a pipe nobody writes to', (file) => void spawnSync('mkfifo', [file])],
  ['another object of the artifact', (file, other) => linkSync(other, file)],
  ['a file of a tebibyte of nothing', giantAt],
])('where %s stands in the place of a file, that file is damaged and the rest comes back', async (_, put) => {
  const place = stored([good, dir, victim])
  const file = path.join(place.directory, 'data/dir/victim')
  rmSync(file)
  put(file, path.join(place.directory, objectNames.manifest))
  expect(await verified(place.run)).toBe(false)
  const destination = `${place.aside} restored`
  expect(await restoreRun(place.run, destination, { damaged: true })).toMatchObject({ restored: { files: 1 }, damaged: { total: 1 } })
  expect(readFileSync(path.join(destination, 'good'), 'utf8')).toBe('content of good')
  expect(existsSync(path.join(destination, 'dir/victim'))).toBe(false)
})

test.each([
  ['another file’s object', 'data/good'],
  ['another file’s odd object', oddName('good')],
  ['an object of another run', `../../other/${forgedRef.runId}/data/dir/victim`],
  ['the marker of the run', objectNames.run],
  ['a directory', objectNames.odd],
])('a line that names %s as the place of its content is damage', async (_, object) => {
  const place = stored([good, dir, { ...victim, line: { object } }])
  expect(await verified(place.run)).toBe(false)
  expect(await refusal(place.run, `${place.aside} restored`)).toBe('artifact_damaged')
})

test.each<[string, (manifest: Record<string, unknown>) => unknown]>([
  ['an index that stands elsewhere', (manifest) => ({ ...manifest, entry_index: { ...(manifest['entry_index'] as object), name: '../x' } })],
  ['parts', (manifest) => ({ ...manifest, artifacts: [{ name: '../x', size: 1, hash_alg: 'blake3', hash: '0'.repeat(64) }] })],
])('the manifest of a tree that names %s is damage', async (_, onManifest) => {
  const place = stored([good], { onManifest })
  expect(await verified(place.run)).toBe(false)
  expect(await refusal(place.run, `${place.aside} restored`)).toBe('artifact_damaged')
})

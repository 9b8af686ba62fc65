import { describe, expect, test } from 'vitest'
import { objectNames, runPrefix } from '../../src/core/artifact.ts'
import { BastionError } from '../../src/core/errors.ts'
import { listArtifacts } from '../../src/engine/list.ts'
import { readRunMarker } from '../../src/engine/open-artifact.ts'
import { openRun } from '../support/engine.ts'
import { deep, unmeasurable } from '../support/fuzz/mutate-json.ts'
import { anArtifact, forgedRef, forgeObjects, storeForged } from '../support/fuzz/forge-artifact.ts'

const file = { path: 'file', kind: 'file', content: 'content' } as const
const prefix = runPrefix(forgedRef.jobId, forgedRef.runId)

type Fields = Record<string, unknown>

/** How the artifact is refused whose manifest says what `change` makes it say, its marker agreeing. */
async function refusal(change: (manifest: Fields) => unknown): Promise<BastionError> {
  const { target, ref } = await storeForged(forgeObjects(anArtifact([file], { onManifest: change })))
  for await (const listed of listArtifacts(target, { signal: new AbortController().signal })) {
    expect(listed.status).toBe('damaged')
    expect(JSON.stringify(listed).length).toBeLessThan(5000)
  }
  return refusalOf(openRun({ target, ref }))
}

async function refusalOf(opening: Promise<unknown>): Promise<BastionError> {
  const error: unknown = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof BastionError)) throw new Error('it was not refused', { cause: error })
  return error
}

const part = (over: Fields) => (manifest: Fields) => ({
  ...manifest,
  artifacts: (manifest['artifacts'] as Fields[]).map((each) => ({ ...each, ...over })),
})

describe('a manifest is refused as damaged that', () => {
  test.each<[string, (manifest: Fields) => unknown]>([
    ['is nothing', () => null],
    ['is a number', () => 5],
    ['ends at no date', (manifest) => ({ ...manifest, ended_at: 8_640_000_000_000_001 })],
    ['began before there were dates', (manifest) => ({ ...manifest, started_at: -1e300 })],
    ['requires what cannot be named', (manifest) => ({ ...manifest, requires: [{ toString: 1 }] })],
    ['requires what is nested too deep to be named', (manifest) => ({ ...manifest, requires: [deep] })],
    ['requires what has a length that is no number', (manifest) => ({ ...manifest, requires: unmeasurable })],
    ['names a source nested too deep to be told', (manifest) => ({ ...manifest, source: { type: 'filesystem', paths: deep } })],
    ['names a part that stands elsewhere', part({ name: '../../other/payload.part000001' })],
    ['names a part that is another object', part({ name: objectNames.run })],
    ['names a part twice', (manifest) => ({ ...manifest, artifacts: [manifest['artifacts'], manifest['artifacts']].flat() })],
    [
      'has parts too large to be counted together',
      (manifest) => ({
        ...manifest,
        artifacts: [1, 2].map((n) => ({ ...(manifest['artifacts'] as Fields[])[0], name: `payload.part00000${n}`, size: 2 ** 53 - 1 })),
      }),
    ],
    [
      'names another object as its index',
      (manifest) => ({ ...manifest, entry_index: { ...(manifest['entry_index'] as Fields), name: objectNames.run } }),
    ],
    [
      'says it is encrypted beside an index that is not',
      (manifest) => ({ ...manifest, pipeline: { ...(manifest['pipeline'] as Fields), encryption: 'age_x25519' } }),
    ],
  ])('%s', async (_, change) => {
    const error = await refusal(change)
    expect(error.code).toBe('artifact_damaged')
    expect(error.message).toContain(objectNames.manifest)
  })
})

test("a run's marker with a text whose length is no number is refused as damaged", async () => {
  const { target, ref } = await storeForged(forgeObjects(anArtifact([file])))
  const marker = { v: 1, kind: 'run', job_id: ref.jobId, run_id: ref.runId, owner_token: unmeasurable, created_at: 0 }
  await target.put(`${prefix}/${objectNames.run}`, Buffer.from(JSON.stringify(marker)))
  const error = await refusalOf(readRunMarker(target, ref, new AbortController().signal))
  expect(error.code).toBe('artifact_damaged')
})

test('what a manifest requires is named, though not at any length', async () => {
  const error = await refusal((manifest) => ({ ...manifest, requires: ['deltas', 'x'.repeat(100_000)] }))
  expect(error.code).toBe('unsupported')
  expect(error.message).toContain('deltas')
  expect(error.message.length).toBeLessThan(2000)
})

test('a manifest that is small and would be large in memory is not parsed', async () => {
  const { target, ref } = await storeForged(
    forgeObjects(anArtifact([file], { onManifest: (manifest) => ({ ...manifest, bomb: Array.from({ length: 2_000_000 }, () => ({})) }) })),
  )
  const error = await refusalOf(openRun({ target, ref }))
  expect(error.code).toBe('artifact_damaged')
  expect(String(error.cause)).toContain('values')
})

test.each([objectNames.run, objectNames.complete])('a marker %s that is long is not read to its end', async (name) => {
  const { target, ref } = await storeForged(forgeObjects(anArtifact([file])))
  let read = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 10_000
      yield Buffer.alloc(10_000, ' ')
    }
  }
  const opening = openRun({
    ref,
    target: { ...target, get: async (key, options) => (key === `${prefix}/${name}` ? endless() : target.get(key, options)) },
  })
  expect(await refusalOf(opening)).toMatchObject({ code: 'artifact_damaged' })
  expect(read).toBeLessThan(200_000)
})

test('no room is made for bytes that are only promised', async () => {
  // A payload of 2 GiB by its manifest, the end of which says that half of it is its table.
  const objects = forgeObjects(
    anArtifact([file], {
      partBytes: 200_000,
      onPayload: () => {
        const end = Buffer.alloc(100_000)
        end.writeUInt32LE(2 ** 27, end.length - 9)
        end.writeUInt32LE(0x8f92eab1, end.length - 4)
        return end
      },
      onManifest: (manifest) => {
        const [only] = manifest['artifacts'] as Fields[]
        return {
          ...manifest,
          artifacts: [
            { ...only, size: 2 ** 32 },
            { ...only, name: 'payload.part000002' },
          ],
        }
      },
    }),
  )
  objects.set('payload.part000002', objects.get('payload.part000001')!)
  const { target, ref } = await storeForged(objects)
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  const watched = {
    ref,
    target: {
      ...target,
      get: async (...request: Parameters<typeof target.get>) => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
        return target.get(...request)
      },
    },
  }
  expect(await refusalOf(openRun(watched).then((artifact) => artifact.payload()))).toMatchObject({ code: 'artifact_damaged' })
  expect(most).toBeLessThan(2 ** 27)
})

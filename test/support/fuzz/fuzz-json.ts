import { Blake3Hasher } from '@napi-rs/blake-hash'
import { objectNames, runPrefix, targetIdentityKey } from '../../../src/core/artifact.ts'
import { listArtifacts } from '../../../src/engine/list.ts'
import { openArtifact } from '../../../src/engine/open-artifact.ts'
import { proveIdentity } from '../../../src/engine/targets/target-identity.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { anArtifact, forgedMarkers, forgedRef, forgeObjects, storeForged } from './forge-artifact.ts'
import { ordinaryEntries } from './ordinary-entries.ts'
import { broken, type CaseOutcome, type FuzzReader, outcomeOf } from './fuzz-reader.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { hostileText, mutateJson } from './mutate-json.ts'
import type { Random } from './random.ts'

const signal = new AbortController().signal
const prefix = runPrefix(forgedRef.jobId, forgedRef.runId)
const tokens = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'null',
  'true',
  '1e999',
  '-',
  '9'.repeat(30),
  '\\u0000',
  '\\ud800',
  '\n',
  '\xff',
  '"requires":["x"],',
]

/** Manifest, markers and target identity, in any form, behind a chain of hashes that is right. */
export async function openJsonReader(): Promise<FuzzReader> {
  const objects = forgeObjects(anArtifact(ordinaryEntries()))
  const { target } = await storeForged(objects)
  const manifest: unknown = JSON.parse(objects.get(objectNames.manifest)!.toString())
  return {
    run: (random, timed) =>
      timed(async () => {
        await storeMutated(target, manifest, random)
        return readAll(target)
      }),
    async [Symbol.asyncDispose]() {},
  }
}

async function storeMutated(target: Target, manifest: unknown, random: Random): Promise<void> {
  const which = random.pick(['manifest', 'manifest', 'manifest', 'complete', 'run', 'identity'] as const)
  const textFor = (name: typeof which, value: unknown): Buffer => (name === which ? mutatedText(value, random) : Buffer.from(JSON.stringify(value)))
  const manifestText = textFor('manifest', manifest)
  const { run, complete } = forgedMarkers(new Blake3Hasher().update(manifestText).digest('hex'))
  await target.put(targetIdentityKey, textFor('identity', { v: 1, target_id: 'forged', created_at: 0 }))
  await target.put(`${prefix}/${objectNames.run}`, textFor('run', run))
  await target.put(`${prefix}/${objectNames.manifest}`, manifestText)
  await target.put(`${prefix}/${objectNames.complete}`, textFor('complete', complete))
}

function mutatedText(value: unknown, random: Random): Buffer {
  const text = Buffer.from(hostileText(random.chance(0.7) ? mutateJson(value, random) : value))
  return random.chance(0.4) ? mutateBytes(text, random, { tokens }) : text
}

/** What a listing and the opening of an artifact make of it. */
async function readAll(target: Target): Promise<CaseOutcome> {
  const identity = await outcomeOf(() => proveIdentity(target, undefined, signal))
  const outcome = await outcomeOf(async () => {
    const { stored, payload } = await openArtifact(target, forgedRef, { identities: [], signal })
    if (!Number.isSafeInteger(stored.sizeBytes)) throw broken('sizes can be added up', stored.sizeBytes)
    await payload()
  })
  for await (const listed of listArtifacts(target, { signal })) {
    // As every listing says it.
    JSON.stringify(listed)
    new Date(listed.completed_at).toISOString()
  }
  return identity === 'read' ? outcome : identity
}

import path from 'node:path'
import { workFolder } from '../work-folder.ts'
import { anArtifact, forgeObjects, storeForged } from './forge-artifact.ts'
import type { FuzzReader } from './fuzz-reader.ts'
import { harmArtifact } from './harm-artifact.ts'
import { ordinaryEntries } from './ordinary-entries.ts'
import { checkWhole, readArtifact } from './read-artifact.ts'

/** Archives with anything harmed, chain of hashes included or not, through all that reads them. */
export async function openArtifactReader(): Promise<FuzzReader> {
  const work = await workFolder()
  const whole = await checkWhole(await storeForged(forgeObjects(anArtifact(ordinaryEntries()))))
  let count = 0
  return {
    async run(random, timed) {
      const encrypted = random.chance(0.3)
      const { objects, isSigned } = harmArtifact(anArtifact(ordinaryEntries(), { encrypted }), random)
      const run = await storeForged(objects)
      return readArtifact({ run, isSigned }, { whole, folder: path.join(work.path, String(++count)), random, timed })
    },
    [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
  }
}

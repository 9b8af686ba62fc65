import path from 'node:path'
import { workFolder } from '../work-folder.ts'
import { anArtifact, type ForgedArtifact, type ForgedEntry, forgeObjects, storeForged } from './forge-artifact.ts'
import { broken, type FuzzReader } from './fuzz-reader.ts'
import { harmArtifact } from './harm-artifact.ts'
import { ordinaryTreeEntries } from './ordinary-entries.ts'
import { plantTarget, plantedContent } from './planted-target.ts'
import { oddName } from '../../../src/engine/formats/raw-tree-v1/object-name.ts'
import type { Random } from './random.ts'
import { checkWhole, readArtifact } from './read-artifact.ts'

/** Raw trees harmed as archives are, with objects that are not theirs; and in a folder, with links, pipes and other things where their files should be. */
export async function openRawTreeReader(): Promise<FuzzReader> {
  const work = await workFolder()
  const tree = (entries: ForgedEntry[]): ForgedArtifact => anArtifact(entries, { format: 'raw_tree_v1' })
  const whole = await checkWhole(await storeForged(forgeObjects(tree(ordinaryTreeEntries()))))
  let count = 0
  return {
    async run(random, timed) {
      const folder = path.join(work.path, String(++count))
      const planted: ForgedEntry = { path: random.pick(plantedPaths), kind: 'file', content: plantedContent }
      const { objects, isSigned } = harm(tree([...ordinaryTreeEntries(), planted]), random)
      if (random.chance(0.3)) return readArtifact({ run: await storeForged(objects), isSigned }, { whole, folder, random, timed })
      using place = plantTarget(`${folder}-target`, objects, random)
      const outcome = await readArtifact({ isSigned, ...place }, { whole, folder, random, timed })
      if (place.isBehindLink && outcome === 'read') throw broken('a target follows no link', outcome)
      place.check()
      return outcome
    },
    [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
  }
}

const plantedPaths = ['planted', 'dir/planted', 'dir/below/planted', 'planted \xe9']

/** Of three trees one has nothing but its index changed: where lines say the content is. */
function harm(artifact: ForgedArtifact, random: Random): ReturnType<typeof harmArtifact> {
  const how = random.next()
  if (how < 0.5) return harmArtifact(artifact, random)
  if (how < 0.7) return { objects: forgeObjects(artifact), isSigned: true }
  const entries = artifact.entries.map((entry) => ({ ...entry }))
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const entry = random.pick(entries)
    entry.line = { ...entry.line, object: objectOf(random.pick(entries), random) }
  }
  return { objects: forgeObjects({ ...artifact, entries }), isSigned: true }
}

function objectOf({ path: name }: ForgedEntry, random: Random): string {
  const own = oddName(name)
  return random.pick([
    own,
    own,
    `data/${name}`,
    name,
    `odd/${'0'.repeat(32)}`,
    `../${own}`,
    'manifest.json',
    'run.json',
    'odd',
    'odd/',
    '../../x',
    `/${own}`,
    '',
  ])
}

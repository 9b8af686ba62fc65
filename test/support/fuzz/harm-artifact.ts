import { objectNames } from '../../../src/core/artifact.ts'
import { type ForgedArtifact, type ForgedEntry, forgeObjects, resign } from './forge-artifact.ts'
import { resummed } from './fuzz-tar.ts'
import { harmIndex } from './fuzz-index.ts'
import { hostileName, hostileTargets } from './hostile-names.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateJson } from './mutate-json.ts'
import type { Random } from './random.ts'

export interface HarmedArtifact {
  objects: Map<string, Buffer>
  /** whether the chain of hashes is right for what is stored */
  isSigned: boolean
}

/** One of three: objects as a disk may harm them; the same with the chain made anew; anything an artifact's writer could say that means ill. */
export function harmArtifact(artifact: ForgedArtifact, random: Random): HarmedArtifact {
  const how = random.next()
  if (how < 0.25) return { objects: harmObjects(forgeObjects(artifact), random), isSigned: false }
  if (how < 0.45) return { objects: resign(harmStored(forgeObjects(artifact), random)), isSigned: true }
  return { objects: forgeObjects(harmMeaning(artifact, random)), isSigned: true }
}

function harmObjects(objects: Map<string, Buffer>, random: Random): Map<string, Buffer> {
  for (let changes = 1 + random.below(2); changes > 0; changes -= 1) {
    const names = [...objects.keys()]
    const name = random.pick(names)
    const bytes = objects.get(name)!
    const other = random.pick(names)
    const action = random.next()
    if (action < 0.6) objects.set(name, mutateBytes(bytes, random))
    else if (action < 0.7) objects.delete(name)
    else if (action < 0.8) objects.set(name, objects.get(other)!).set(other, bytes)
    else if (action < 0.9) objects.set(name, Buffer.concat([bytes, objects.get(other)!]))
    else objects.set(name, Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), objects.get(other)!.subarray(random.below(100))]))
  }
  return objects
}

/** Only what hashes are made of. */
function harmStored(objects: Map<string, Buffer>, random: Random): Map<string, Buffer> {
  const stored = new Map([...objects].filter(([name]) => /^(?:payload|entries|data|odd)[./]/.test(name)))
  for (const name of stored.keys()) objects.delete(name)
  return new Map([...harmObjects(stored, random), ...objects])
}

function harmMeaning(artifact: ForgedArtifact, random: Random): ForgedArtifact {
  let harmed = artifact
  for (let changes = 1 + random.below(2); changes > 0; changes -= 1) harmed = random.pick(meanings)(harmed, random)
  return harmed
}

const numbers = [0, 1, 7, 8, 512, 16 * 1024, 2 ** 26, 2 ** 26 + 1, 2 ** 32 - 1]
const kinds = ['file', 'dir', 'symlink', 'hardlink', 'fifo', 'socket'] as const

/** Entries get most of it: they are what becomes files. */
const meanings: readonly ((artifact: ForgedArtifact, random: Random) => ForgedArtifact)[] = [
  addEntries,
  addEntries,
  addEntries,
  changeEntry,
  changeEntry,
  harmIndex,
  harmIndex,
  (artifact, random) => ({
    ...artifact,
    onTar(frames) {
      const number = random.below(frames.length)
      const harmed = mutateBytes(frames[number]!, random, { tokens: ['../x', '/etc/passwd', '1', '2', '5', '0000777'] })
      frames[number] = random.chance(0.8) ? resummed(harmed) : harmed
    },
  }),
  (artifact, random) => ({
    ...artifact,
    onPayloadTable(sizes) {
      sizes[random.below(sizes.length)]![random.chance(0.5) ? 'plain' : 'stored'] = random.pick(numbers)
    },
  }),
  (artifact, random) => ({ ...artifact, onPayload: (payload) => mutateBytes(payload, random) }),
  (artifact, random) => ({ ...artifact, onIndex: (index) => mutateBytes(index, random) }),
  (artifact, random) => ({
    ...artifact,
    onManifest: (manifest) => mutateJson(manifest, random, [objectNames.run, '../payload.part000001', 2 ** 40, 50_000]),
  }),
]

/** What is well made and means ill: names that lead out, links to be gone through, members that are not what the index says. */
function addEntries(artifact: ForgedArtifact, random: Random): ForgedArtifact {
  const entries = [...artifact.entries]
  for (let more = 1 + random.below(3); more > 0; more -= 1) {
    const kind = random.pick(kinds)
    const path = hostileName(random)
    const entry: ForgedEntry = { path, kind }
    if (kind === 'file') entry.content = random.pick(['', 'hostile', Buffer.alloc(random.below(40_000))])
    if (kind === 'symlink' || kind === 'hardlink') entry.target = hostileName(random, hostileTargets)
    if (random.chance(0.2)) entry.line = { path: hostileName(random) }
    if (random.chance(0.1)) entry.member = null
    if (kind === 'symlink')
      entries.push({ path: `${path}/${random.pick(['canary', 'dir/canary', 'new'])}`, kind: 'file', content: 'through the link' })
    entries.splice(random.below(entries.length + 1), 0, entry)
  }
  return { ...artifact, entries }
}

function changeEntry(artifact: ForgedArtifact, random: Random): ForgedArtifact {
  const entries = artifact.entries.map((entry) => ({ ...entry }))
  const entry = random.pick(entries)
  const action = random.below(6)
  if (action === 0) entry.path = hostileName(random)
  else if (action === 1) Object.assign(entry, { kind: random.pick(kinds), target: hostileName(random, hostileTargets) })
  else if (action === 2) entry.line = { ...entry.line, size: random.pick([...numbers, 2 ** 40, 2 ** 53 - 1]) }
  else if (action === 3) entry.line = { ...entry.line, at: [random.pick([0, ...numbers]), random.pick([0, 512, 1024, 1, 2 ** 40])] }
  else if (action === 4)
    entry.line = random.chance(0.3)
      ? null
      : { ...entry.line, mode: random.pick([0, 0o7777, 0o104755, 2 ** 40]), uid: random.pick([0, 2 ** 32 - 1, 2 ** 40]) }
  else entry.member = { sizeBytes: random.pick(numbers), ...(random.chance(0.5) ? { path: hostileName(random) } : {}) }
  return { ...artifact, entries }
}

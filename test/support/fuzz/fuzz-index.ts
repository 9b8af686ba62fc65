import { type EntriesIndex, type IndexedEntry, openEntriesIndex } from '../../../src/engine/formats/entries-index-reader.ts'
import type { BytePath } from '../../../src/lib/byte-path.ts'
import { anArtifact, type ForgedArtifact, forgeIndex } from './forge-artifact.ts'
import { broken, type FuzzReader, hostileRangeReader, outcomeOf, statelessReader } from './fuzz-reader.ts'
import { hostileName, hostileNames, hostileTargets } from './hostile-names.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { hostileValue } from './mutate-json.ts'
import { ordinaryEntries } from './ordinary-entries.ts'
import type { Random } from './random.ts'

const tokens = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '\n\n',
  'null',
  '1e999',
  '"path":"a"',
  '"kind":"file"',
  '\\u0000',
  '\\ud800',
  '\xff',
  '..',
  '/',
]
const kinds = ['file', 'dir', 'symlink', 'hardlink', 'fifo', 'device', 'socket', 'whiteout', '', null]
const fields = [
  'path',
  'path_b64',
  'kind',
  'size',
  'hash',
  'mode',
  'uid',
  'gid',
  'user',
  'mtime_ns',
  'target',
  'target_b64',
  'rdev',
  'at',
  'xattrs',
  'flags',
]
const fieldValues: readonly unknown[] = [
  'Li4=',
  'AA==',
  '=',
  'Li4vLi4=',
  [0, 0],
  [0, -1],
  [1e300, 0],
  '9'.repeat(28),
  '-1',
  { 'user.x': '!' },
  { __proto__: '' },
]

/** The entries index: frames, seek table, lookup and lines. */
export function openIndexReader(): FuzzReader {
  return statelessReader(async (random) => {
    const artifact = anArtifact(someEntries(random), { linesPerFrame: 1 + random.below(5) })
    const isHarmed = random.chance(0.9)
    const bytes = forgeIndex(isHarmed ? harmIndex(artifact, random) : artifact)
    const stored = isHarmed && random.chance(0.15) ? mutateBytes(bytes, random) : bytes
    const count = random.chance(0.9) ? artifact.entries.length : random.pick([0, 1, artifact.entries.length + 1, 2 ** 40])
    const claimed = random.chance(0.97) ? stored.length : stored.length + random.pick([1, 1000, 2 ** 33])
    return outcomeOf(async () => readEverything(await openEntriesIndex(hostileRangeReader(stored, claimed), { count }), random))
  })
}

function someEntries(random: Random): ForgedArtifact['entries'] {
  const entries = ordinaryEntries().map((entry) => ({ ...entry, member: null, content: '' }))
  for (let more = random.below(12); more > 0; more -= 1) {
    entries.push({ path: `dir/${random.below(1000)}${random.pick(['', '/x', '-'])}`, kind: 'file', member: null, content: '' })
  }
  return [...new Map(entries.map((entry) => [entry.path, entry])).values()]
}

/** Lines that say anything, in frames that are well made. */
export function harmIndex(artifact: ForgedArtifact, random: Random): ForgedArtifact {
  const harmed = { ...artifact }
  const what = random.next()
  if (what < 0.5) {
    harmed.onLines = (lines) => {
      for (let changes = 1 + random.below(3); changes > 0; changes -= 1) changeLine(lines, random)
      if (random.chance(0.7)) lines.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
    }
  } else if (what < 0.75) {
    harmed.onIndexFrames = (frames) => {
      const number = random.below(frames.length)
      if (random.chance(0.8)) frames[number] = mutateBytes(frames[number]!, random, { tokens })
      else if (random.chance(0.5)) frames.splice(number, 1)
      else frames.splice(random.below(frames.length), 0, frames[number]!)
    }
  } else {
    harmed.onIndexTable = (sizes) => {
      const lie = random.pick([0, 1, 7, 8, 2 ** 20, 2 ** 20 + 1, 2 ** 26 + 1, 2 ** 32 - 1])
      sizes[random.below(sizes.length)]![random.chance(0.5) ? 'plain' : 'stored'] = lie
    }
  }
  return harmed
}

function sortKey({ path }: Record<string, unknown>): string {
  return typeof path === 'string' ? path : ''
}

function changeLine(lines: Record<string, unknown>[], random: Random): void {
  const line = random.pick(lines)
  const action = random.next()
  if (action < 0.15) lines.push({ ...random.pick(lines), ...(random.chance(0.5) ? { path: hostileName(random) } : {}) })
  else if (action < 0.25) delete line[random.pick(Object.keys(line))]
  else if (action < 0.35) line['kind'] = random.pick(kinds)
  else if (action < 0.55) line['path'] = hostileName(random)
  else if (action < 0.65) Object.assign(line, { kind: random.pick(['symlink', 'hardlink']), target: hostileName(random, hostileTargets) })
  else line[random.pick(fields)] = hostileValue(random, fieldValues)
}

async function readEverything(index: EntriesIndex, random: Random): Promise<void> {
  const forward = await entriesOf(index.scan())
  const backward = await entriesOf(index.scan({ reverse: true }))
  if (forward.length > index.count || forward.some((entry, i) => entry.bytes !== backward.at(-1 - i)?.bytes)) {
    throw broken('both ways lead past the same entries', [forward.length, backward.length])
  }
  for (const [i, { bytes, targetBytes, kind }] of forward.entries()) {
    if (leaves(bytes) || (kind === 'hardlink' && leaves(targetBytes ?? ''))) throw broken('no path leads out', [bytes, targetBytes])
    if (i > 0 && bytes <= forward[i - 1]!.bytes) throw broken('paths ascend', bytes)
  }
  const paths = forward.map(({ bytes }) => bytes)
  const path = paths.length > 0 && random.chance(0.7) ? random.pick(paths) : random.pick(hostileNames)
  const found = await index.find(path)
  if ((found?.bytes ?? null) !== (paths.includes(path) ? path : null)) throw broken('what a scan meets is found, and nothing else', path)
  const below = await entriesOf(index.scan({ below: path }))
  if (below.length !== paths.filter((each) => each.startsWith(path === '' ? '' : `${path}/`)).length)
    throw broken('a scan below a path meets all below it', path)
  const from = await entriesOf(index.scan({ from: path, reverse: random.chance(0.5) }))
  if (from.length > forward.length) throw broken('no entry is met twice', path)
  for (const directory of ['', 'dir', path]) {
    const names = new Set<BytePath>()
    for await (const { bytes } of index.children(directory)) names.add(bytes)
    if (names.size > forward.length) throw broken('there are no more children than entries', directory)
  }
}

async function entriesOf(frames: AsyncIterable<IndexedEntry[]>): Promise<IndexedEntry[]> {
  const entries: IndexedEntry[] = []
  for await (const frame of frames) entries.push(...frame)
  return entries
}

function leaves(path: BytePath): boolean {
  return path.split('/').some((part) => part === '' || part === '.' || part === '..') || path.includes('\0')
}

import type { Archiver, Place, RestoreWay } from './archiver.ts'
import { bars, roundsOf, type RowName } from './bars.ts'
import type { Corpus, CorpusName } from './corpora.ts'
import { measure, runQuietly } from './measure.ts'
import { type Contender, type PairedRun, runPairs, type Side } from './paired-runs.ts'
import type { Pairing, PeerName } from './pairings.ts'
import { differenceOf, digestTree } from './tree-digest.ts'
import type { Workshop } from './workshop.ts'

export interface RowResult {
  peer: PeerName
  row: RowName
  corpus: CorpusName
  titles: Record<Side, string>
  rounds: readonly PairedRun[]
  /** of what each made in the first round */
  storedBytes: Record<Side, number> | null
}

/** A tree that came back, and whether it is the one that was stored. */
export interface RestoreCheck {
  corpus: CorpusName
  /** what was stored, and how it was had back */
  what: string
  files: number
  /** in words; `null` when there is none */
  difference: string | null
}

/** Both store the corpus, timed; each way back of each is gone and compared, the first one timed where that is asked for. */
export async function runPairing(
  corpus: Corpus,
  pairing: Pairing,
  options: { rows: ReadonlySet<RowName>; rounds: number; workshop: Workshop; signal: AbortSignal },
): Promise<{ results: RowResult[]; checks: RestoreCheck[] }> {
  const { rows, workshop, signal } = options
  const { settle } = workshop
  const bar = bars[pairing.name]
  const results: RowResult[] = []
  const checks: RestoreCheck[] = []
  const kept: Partial<Record<Side, Place>> = {}
  const storedBytes: Record<Side, number[]> = { ours: [], peer: [] }
  const kinds = new Set([...pairing.ours.restores, ...pairing.peer.restores].map(({ keeps }) => keeps))
  const expected = new Map([...kinds].map((keeps) => [keeps, digestTree(corpus.root, keeps)]))
  const addResult = (row: RowName, rounds: PairedRun[], stored: RowResult['storedBytes']): void => {
    const titles = { ours: pairing.ours.title, peer: pairing.peer.title }
    results.push({ peer: pairing.name, row, corpus: corpus.name, titles, rounds, storedBytes: stored })
  }

  const storing = (side: Side): Contender<Place> => ({
    async prepare() {
      const place = await workshop.openPlace(pairing.server)
      await pairing[side].prepare?.(place)
      await readWhole(corpus.root)
      return place
    },
    command: (place) => pairing[side].store(corpus.root, place),
    async finish(place) {
      storedBytes[side].push(await bytesIn(place))
      if (kept[side] === undefined) kept[side] = place
      else await workshop.discardPlace(place)
    },
  })
  const restoring = (side: Side): Contender<string> => ({
    prepare: () => Promise.resolve(workshop.folder()),
    command: (folder) => pairing[side].restores[0].command!(kept[side]!, folder),
    finish(folder, round) {
      if (round === 0) compare(pairing[side], pairing[side].restores[0], kept[side]!, folder)
      workshop.discard(folder)
      return Promise.resolve()
    },
  })

  const storeRounds = rows.has('store') ? roundsOf(bar.store, options.rounds) : 1
  const stored = await runPairs({ contenders: { ours: storing('ours'), peer: storing('peer') }, rounds: storeRounds, settle, signal })
  if (rows.has('store')) addResult('store', stored, { ours: storedBytes.ours[0]!, peer: storedBytes.peer[0]! })

  const restoreBar = rows.has('restore') ? bar.restore : null
  if (restoreBar !== null) {
    const contenders = { ours: restoring('ours'), peer: restoring('peer') }
    addResult('restore', await runPairs({ contenders, rounds: roundsOf(restoreBar, options.rounds), settle, signal }), null)
  }
  for (const side of ['ours', 'peer'] as const) {
    const archiver = pairing[side]
    for (const way of restoreBar === null ? archiver.restores : archiver.restores.slice(1)) await restoreAndCompare(archiver, way, kept[side]!)
    checkSizes(archiver.title, storedBytes[side])
    await workshop.discardPlace(kept[side]!)
  }
  return { results, checks }

  async function restoreAndCompare(archiver: Archiver, way: RestoreWay, place: Place): Promise<void> {
    const folder = workshop.folder()
    if (way.command !== null) await measure(way.command(place, folder), signal)
    compare(archiver, way, place, folder)
    workshop.discard(folder)
  }

  function compare(archiver: Archiver, { how, root, keeps }: RestoreWay, place: Place, folder: string): void {
    const found = digestTree(root(corpus.root, place, folder), keeps)
    checks.push({
      corpus: corpus.name,
      what: `${archiver.title}, by ${how}`,
      files: found.files,
      difference: differenceOf(expected.get(keeps)!, found),
    })
  }

  /** One archive of each is restored. The others must at least be about as large: a run that stored less was fast for that reason. */
  function checkSizes(title: string, sizes: readonly number[]): void {
    const [first = 0] = sizes
    const other = sizes.find((size) => Math.abs(size - first) > Math.max(first / 20, smallChangeBytes))
    if (other !== undefined)
      checks.push({ corpus: corpus.name, what: title, files: 0, difference: `stored ${first} bytes, and ${other} another time` })
  }
}

/** Ids and times are part of what is stored; and restic and borg cut files at other places in each repository. */
const smallChangeBytes = 64 * 1024

/** So that it comes from memory when it is timed: where memory is taken back from files that nobody reads, it does not stay there for as long as a round takes. */
async function readWhole(root: string): Promise<void> {
  await runQuietly(['sh', '-c', 'find "$1" -type f -exec cat {} + > /dev/null', 'sh', root])
}

/** Of files and nothing else, as a copy elsewhere would be. */
async function bytesIn({ archive, server }: Place): Promise<number> {
  if (server?.storedBytes !== undefined) return server.storedBytes()
  const sizes = await runQuietly(['find', archive, '-type', 'f', '-printf', '%s\\n'])
  return sizes.split('\n').reduce((total, line) => total + Number(line), 0)
}

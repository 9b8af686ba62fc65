import type { Corpus, CorpusName } from './corpora.ts'
import { type PairedRun, runPairs, type Side, type Workshop } from './paired-runs.ts'
import { type AgeKey, type Archiver, createOurs, createTarPeer, type Peer } from './peers.ts'
import { measure, type Pipeline, runQuietly } from './measure.ts'
import { differenceOf, digestTree, type TreeDigest } from './tree-digest.ts'

export const rowNames = ['store', 'store-age', 'restore', 'restore-age'] as const
export type RowName = (typeof rowNames)[number]

export interface RowResult {
  row: RowName
  corpus: CorpusName
  ours: string
  peer: string
  rounds: readonly PairedRun[]
  /** of what each made in the last round; the same in every one, but for the run's own ids */
  storedBytes: Record<Side, number> | null
}

/** A tree that came back, and whether it is the one that was stored. */
export interface RestoreCheck {
  corpus: CorpusName
  /** what was restored, and how */
  what: string
  files: number
  difference: string | null
}

/**
 * All rows of one corpus: what both store, timed; whether it comes back, through the stock commands for ours too; then the way back, timed.
 * @param options.key of the encrypted rows; `null` leaves them out
 */
export async function runCorpus(
  corpus: Corpus,
  options: {
    rows: ReadonlySet<RowName>
    key: AgeKey | null
    rounds: number
    workshop: Workshop & { inMemory: boolean }
    note: (text: string) => void
  },
): Promise<{ results: RowResult[]; checks: RestoreCheck[] }> {
  const { rows, key, workshop, note } = options
  const results: RowResult[] = []
  const checks: RestoreCheck[] = []
  const expected = digestTree(corpus.root)

  for (const encrypted of key === null ? [false] : [false, true]) {
    const [storeRow, restoreRow]: RowName[] = encrypted ? ['store-age', 'restore-age'] : ['store', 'restore']
    if (storeRow === undefined || restoreRow === undefined || !(rows.has(storeRow) || rows.has(restoreRow))) continue
    const ours = createOurs(encrypted ? key : null)
    const peer = createTarPeer(encrypted ? key : null)
    const archives: Partial<Record<Side, string>> = {}
    const storedBytes: Record<Side, number> = { ours: 0, peer: 0 }

    note(`${corpus.name}: ${ours.title} against ${peer.archiver.title} …`)
    const stored = await runPairs({
      workshop,
      rounds: rows.has(storeRow) ? options.rounds : 1,
      contenders: {
        ours: { pipeline: (output) => ours.store(corpus.root, output) },
        peer: { pipeline: (output) => peer.archiver.store(corpus.root, output) },
      },
      async onOutput(side, output) {
        storedBytes[side] = await bytesBelow(output)
        if (archives[side] !== undefined) return 'discard'
        archives[side] = output
        return 'keep'
      },
    })
    if (rows.has(storeRow)) results.push({ row: storeRow, corpus: corpus.name, ...titles(ours, peer), rounds: stored, storedBytes })

    const kept = { ours: archives.ours!, peer: archives.peer! }
    await check(`${ours.title}, by the command of RESTORE.md`, (folder) => ours.stockRestore(kept.ours, folder), ours)
    if (rows.has(restoreRow)) {
      note(`${corpus.name}: the way back …`)
      const restored = await runPairs({
        workshop,
        rounds: options.rounds,
        contenders: {
          ours: { pipeline: (output) => ours.restore(kept.ours, output) },
          peer: { pipeline: (output) => peer.archiver.restore(kept.peer, output) },
        },
        async onOutput(side, output, round) {
          const archiver = side === 'ours' ? ours : peer.archiver
          if (round === 0) addCheck(archiver.title, archiver, output)
          return 'discard'
        },
      })
      results.push({ row: restoreRow, corpus: corpus.name, ...titles(ours, peer), rounds: restored, storedBytes: null })
    } else {
      await check(ours.title, (folder) => ours.restore(kept.ours, folder), ours)
      await check(peer.archiver.title, (folder) => peer.archiver.restore(kept.peer, folder), peer.archiver)
    }
    workshop.discard(kept.ours)
    workshop.discard(kept.peer)
  }
  return { results, checks }

  async function check(what: string, pipeline: (folder: string) => Pipeline, archiver: Archiver): Promise<void> {
    const folder = workshop.folder()
    await measure(pipeline(folder))
    addCheck(what, archiver, folder)
    workshop.discard(folder)
  }

  function addCheck(what: string, archiver: Archiver, folder: string): void {
    const found: TreeDigest = digestTree(archiver.restoredRoot(corpus.root, folder))
    checks.push({ corpus: corpus.name, what, files: found.files, difference: differenceOf(expected, found) })
  }
}

function titles(ours: Archiver, peer: Peer): { ours: string; peer: string } {
  return { ours: ours.title, peer: peer.archiver.title }
}

/** Of files and nothing else, as a copy elsewhere would be. */
async function bytesBelow(folder: string): Promise<number> {
  const sizes = await runQuietly(['find', folder, '-type', 'f', '-printf', '%s\\n'])
  return sizes.split('\n').reduce((total, line) => total + Number(line), 0)
}

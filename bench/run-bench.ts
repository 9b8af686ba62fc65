import type { RowName } from './bars.ts'
import { corpusNames, makeCorpora, type CorpusName, type CorpusSizes } from './corpora.ts'
import { createPairing, encryptedPeers, type Pairing, type PeerName } from './pairings.ts'
import { makeAgeKey } from './peers/tar.ts'
import { type RestoreCheck, type RowResult, runPairing } from './run-pairing.ts'
import { type S3Bucket, whyNoServer } from './servers.ts'
import { type Tool, versionOf } from './tools.ts'
import { openWorkshop, type Workshop } from './workshop.ts'

/** On which corpora each peer is measured, where it can be. */
export type Plan = ReadonlyMap<PeerName, ReadonlySet<CorpusName>>

export interface Bench {
  corpora: { name: CorpusName; title: string }[]
  /** of the tools of all peers, in their own words */
  versions: Partial<Record<Tool, string>>
  results: RowResult[]
  checks: RestoreCheck[]
  notMeasured: { peer: PeerName; reason: string }[]
}

/**
 * A peer that is not installed, or has no server here, is not measured.
 * @throws Error when something that is there fails
 */
export async function runBench(options: {
  plan: Plan
  rows: ReadonlySet<RowName>
  sizes: CorpusSizes
  rounds: number
  /** where the corpora are kept */
  corporaDirectory: string
  /** where archives and restored trees are for a while */
  workDirectory: string
  s3: S3Bucket | null
  note: (text: string) => void
  signal: AbortSignal
}): Promise<Bench> {
  const { plan, rows, rounds, note, signal, s3 } = options
  await using workshop = openWorkshop(options.workDirectory, s3)
  const bench: Bench = { corpora: [], versions: {}, results: [], checks: [], notMeasured: [] }
  const pairings = await openPairings([...plan.keys()], { workshop, s3, bench })
  const isPlanned = (pairing: Pairing, corpus: CorpusName): boolean => pairing.corpora.includes(corpus) && plan.get(pairing.name)!.has(corpus)
  const names = corpusNames.filter((corpus) => pairings.some((pairing) => isPlanned(pairing, corpus)))
  const corpora = await makeCorpora(options.corporaDirectory, { names, sizes: options.sizes, note })

  for (const corpus of corpora) {
    bench.corpora.push({ name: corpus.name, title: corpus.title })
    for (const pairing of pairings.filter((each) => isPlanned(each, corpus.name))) {
      note(`${corpus.name}: ${pairing.ours.title} and ${pairing.peer.title} …`)
      const { results, checks } = await runPairing(corpus, pairing, { rows, rounds, workshop, signal })
      bench.results.push(...results)
      bench.checks.push(...checks)
    }
  }
  return bench
}

/** Those that can be measured here; of the others `bench.notMeasured` says why not. */
async function openPairings(
  names: readonly PeerName[],
  { workshop, s3, bench }: { workshop: Workshop; s3: S3Bucket | null; bench: Bench },
): Promise<Pairing[]> {
  const missingOf = async (tools: readonly Tool[]): Promise<string | null> => {
    for (const tool of tools) {
      const version = bench.versions[tool] ?? (await versionOf(tool))
      if (version === null) return `no ${tool} here`
      bench.versions[tool] = version
    }
    return null
  }
  const encrypts = names.some((name) => encryptedPeers.includes(name))
  const noAge = encrypts ? await missingOf(['age']) : null
  const key = encrypts && noAge === null ? await makeAgeKey(workshop.folder()) : null
  const found: Pairing[] = []
  for (const name of names) {
    let reason = encryptedPeers.includes(name) ? noAge : null
    if (reason === null) {
      const pairing = createPairing(name, key)
      reason = (await missingOf([...pairing.peer.tools, ...pairing.ours.tools])) ?? (pairing.server && whyNoServer(pairing.server, s3))
      if (reason === null) found.push(pairing)
    }
    if (reason !== null) bench.notMeasured.push({ peer: name, reason })
  }
  return found
}

import { makeCorpora, type CorpusName, type CorpusSizes } from './corpora.ts'
import { openWorkshop, warm } from './paired-runs.ts'
import { createTarPeer, makeAgeKey, versionsOf } from './peers.ts'
import { type RestoreCheck, type RowName, type RowResult, runCorpus } from './rows.ts'

export interface Bench {
  corpora: { name: CorpusName; title: string }[]
  /** of the peers, in their own words */
  versions: Record<string, string>
  results: RowResult[]
  checks: RestoreCheck[]
}

/** @throws Error when a tool is missing or fails */
export async function runBench(options: {
  corpora: readonly CorpusName[]
  rows: ReadonlySet<RowName>
  sizes: CorpusSizes
  rounds: number
  /** where the corpora are kept */
  corporaDirectory: string
  /** where archives and restored trees are for a while */
  workDirectory: string
  note: (text: string) => void
}): Promise<Bench> {
  const { rows, sizes, rounds, note } = options
  using workshop = openWorkshop(options.workDirectory)
  const encrypted = rows.has('store-age') || rows.has('restore-age')
  const key = encrypted ? await makeAgeKey(workshop.folder()) : null
  const versions = await versionsOf([...createTarPeer(null).tools, ...(key === null ? [] : createTarPeer(key).tools)])
  const corpora = await makeCorpora(options.corporaDirectory, { names: options.corpora, sizes, note })
  const results: RowResult[] = []
  const checks: RestoreCheck[] = []
  for (const corpus of corpora) {
    await warm(corpus.root)
    const found = await runCorpus(corpus, { rows, key, rounds, workshop, note })
    results.push(...found.results)
    checks.push(...found.checks)
  }
  return { corpora: corpora.map(({ name, title }) => ({ name, title })), versions, results, checks }
}

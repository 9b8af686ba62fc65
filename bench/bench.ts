// npm run bench: ours side by side with what people use, on this machine, in pairs. See --help.
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { corpusNames, fullSizes } from './corpora.ts'
import { asText, resultTable, summarize, verdicts, verdictText } from './results.ts'
import { rowNames } from './rows.ts'
import { runBench } from './run-bench.ts'

const usage = `npm run bench -- [options]
  --rounds N      rounds of each pair (5)
  --corpora LIST  ${corpusNames.join(',')}: many small files, few large ones, a part of /usr
  --rows LIST     ${rowNames.join(',')}
  --corpora-dir DIR  where the corpora are, and are made when missing: 5 GB, kept for the next time (${path.join(tmpdir(), 'bastion-bench')})
  --work DIR      where archives and restored trees go (/dev/shm when it is there: up to 10 GB of memory)
  --json FILE     every single run
`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    corpora: { type: 'string', default: corpusNames.join(',') },
    rows: { type: 'string', default: rowNames.join(',') },
    'corpora-dir': { type: 'string', default: path.join(tmpdir(), 'bastion-bench') },
    work: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(usage)
else await main()

async function main(): Promise<void> {
  const note = (text: string) => void process.stderr.write(`${text}\n`)
  const bench = await runBench({
    corpora: chosen(corpusNames, values.corpora),
    rows: new Set(chosen(rowNames, values.rows)),
    sizes: fullSizes,
    rounds: Number(values.rounds),
    corporaDirectory: path.resolve(values['corpora-dir']),
    workDirectory: path.resolve(values.work),
    note,
  })
  const { results, checks, versions } = bench
  process.stdout.write(
    `${Object.entries(versions)
      .map(([tool, version]) => `${tool}: ${version}\n`)
      .join('')}\n`,
  )
  process.stdout.write(`${asText(resultTable(results))}\n\n`)
  for (const verdict of verdicts(results)) process.stdout.write(`${verdict.holds ? 'reached' : 'missed '}  ${verdictText(verdict)}\n`)
  for (const check of checks.filter((each) => each.difference !== null)) {
    note(`${check.corpus}: ${check.what} did not come back: ${check.difference ?? 'unknown'}`)
    process.exitCode = 1
  }
  if (values.json !== undefined) {
    const machine = {
      processors: cpus().length,
      model: cpus().at(0)?.model ?? '',
      memory_bytes: totalmem(),
      kernel: release(),
      node: process.versions.node,
    }
    const rows = results.map((result) => ({ ...result, summary: summarize(result.rounds) }))
    writeFileSync(values.json, `${JSON.stringify({ date: new Date().toISOString(), machine, versions, rows, checks }, null, 2)}\n`)
  }
}

function chosen<Name extends string>(known: readonly Name[], list: string): Name[] {
  return list.split(',').map((name) => {
    const found = known.find((each) => each === name)
    if (found === undefined) throw new Error(`${name} is none of ${known.join(', ')}`)
    return found
  })
}

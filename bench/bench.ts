// npm run bench: ours side by side with what people use, on this machine, in pairs. See --help.
import { existsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { rowNames } from './bars.ts'
import { corpusNames, fullSizes, tinySizes } from './corpora.ts'
import { peerNames } from './pairings.ts'
import { asJson, asText, resultTable, verdictText, worstRowText } from './report.ts'
import { verdicts, worstRows } from './results.ts'
import { type Bench, runBench } from './run-bench.ts'
import type { S3Bucket } from './servers.ts'

const usage = `npm run bench -- [options]
  --peers LIST    ${peerNames.join(',')}
  --rows LIST     ${rowNames.join(',')}: a first backup, the way back
  --corpora LIST  ${corpusNames.join(',')}: many small files, few large ones, a part of /usr; some small files for servers
  --rounds N      rounds of each pair (5); what is only reported has at most 3
  --tiny          the same corpora in a few megabytes, to see that everything runs: its figures mean nothing
  --corpora-dir DIR  where the corpora are, and are made when missing: 5 GB, kept for the next time (${path.join(tmpdir(), 'bastion-bench')})
  --work DIR      where archives and restored trees go (/dev/shm when it is there: up to 10 GB of memory; on a disk nothing is removed before the end)
  --s3 URL        http://host:port/bucket of an S3 server for rclone-s3; its keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
  --json FILE     every single run
`

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: peerNames.join(',') },
    rows: { type: 'string', default: rowNames.join(',') },
    corpora: { type: 'string', default: corpusNames.join(',') },
    rounds: { type: 'string', default: '5' },
    tiny: { type: 'boolean', default: false },
    'corpora-dir': { type: 'string', default: path.join(tmpdir(), 'bastion-bench') },
    work: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
    s3: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(usage)
else await main()

async function main(): Promise<void> {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}`)))
  const corpora = new Set(chosen(corpusNames, values.corpora))
  const bench = await runBench({
    plan: new Map(chosen(peerNames, values.peers).map((peer) => [peer, corpora])),
    rows: new Set(chosen(rowNames, values.rows)),
    sizes: values.tiny ? tinySizes : fullSizes,
    rounds: positive(values.rounds),
    corporaDirectory: path.resolve(values['corpora-dir']),
    workDirectory: path.resolve(values.work),
    s3: values.s3 === undefined ? null : bucketOf(values.s3),
    note,
    signal: interrupted.signal,
  })
  if (values.json !== undefined) writeFileSync(values.json, asJson(bench, new Date()))
  process.stdout.write(text(bench))
  for (const { corpus, what, difference } of bench.checks.filter((check) => check.difference !== null)) {
    note(`${corpus}: ${what} did not come back: ${difference ?? ''}`)
    process.exitCode = 1
  }
}

function text({ versions, results, notMeasured }: Bench): string {
  const said = (holds: boolean | null) => (holds === null ? 'reported' : holds ? 'reached ' : 'missed  ')
  return [
    ...Object.values(versions),
    '',
    asText(resultTable(results)),
    '',
    ...verdicts(results).map((verdict) => `${said(verdict.holds)}  ${verdictText(verdict)}`),
    ...worstRows(results).map((row) => `worst     ${worstRowText(row)}`),
    ...notMeasured.map(({ peer, reason }) => `not measured: ${peer}: ${reason}`),
    '',
  ].join('\n')
}

function chosen<Name extends string>(known: readonly Name[], list: string): Name[] {
  return list.split(',').map((name) => {
    const found = known.find((each) => each === name)
    if (found === undefined) throw new Error(`${name} is none of ${known.join(', ')}`)
    return found
  })
}

function positive(given: string): number {
  const number = Number(given)
  if (!Number.isInteger(number) || number < 1) throw new Error(`${given} is no number of rounds`)
  return number
}

function bucketOf(url: string): S3Bucket {
  const { origin, pathname } = new URL(url)
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = process.env
  const bucket = pathname.slice(1)
  if (!/^[^/]+$/.test(bucket) || accessKeyId === '' || secretAccessKey === '')
    throw new Error('--s3 takes http://host:port/bucket, and needs both keys')
  return { endpoint: origin, bucket, accessKeyId, secretAccessKey }
}

function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

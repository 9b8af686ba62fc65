import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { bastion, jsonLines } from '../support/bastion-process.ts'
import { admin, setUp, startHttpHub } from '../support/http-hub.ts'
import { multiplyArtifact } from '../support/multiply-artifact.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'A Hub that has lost its database learns ten thousand artifacts from their target within a minute'

const limitMs = 60_000

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const [count, jobs] = scale === 'full' ? [10_000, 100] : [300, 10]
  await using folder = await temporaryFolder()
  const at = (...names: string[]) => path.join(folder.path, ...names)
  await mkdir(at('source'))
  await writeFile(at('source', 'a'), 'a')
  const { stdout } = await bastion(['backup', at('source'), '--to', at('target'), '--job-id', 'model', '--json', '--data-dir', at('data')])
  const model = String(jsonLines(stdout).find(({ kind }) => kind === 'result')!['artifact'])
  multiplyArtifact(at('target'), model, { count: count - 1, jobs })

  await using hub = await startHttpHub()
  const { client } = await setUp(hub)
  const env = { XDG_STATE_HOME: at('state'), BASTION_HUB_URL: hub.url, BASTION_PASSWORD: admin.password }
  await bastion(['login', '--username', admin.username], { env })
  const rows: (string | number)[][] = []
  const rebuild = async (what: string) => {
    const startedMs = performance.now()
    const { stdout: said } = await bastion(['index', 'rebuild', at('target')], { env })
    const tookMs = performance.now() - startedMs
    rows.push([what, count, (tookMs / 1000).toFixed(1), Math.round((count / tookMs) * 1000), said.trim()])
    return tookMs
  }
  const firstMs = await rebuild('an empty Hub')
  await rebuild('once more')
  report.line(`${count} artifacts of ${jobs + 1} jobs in a folder, with \`bastion index rebuild\` from its start to its end.`)
  report.table(['', 'artifacts', 'seconds', 'a second', 'what it said'], rows)
  const listed = (await client.jobs.list({ query: { archived: 'true', limit: 200 } })).items.length
  report.check('each job is there, archived', listed === jobs + 1, `${listed} of ${jobs + 1}`)
  report.check('each artifact was learned once', String(rows[0]![4]).includes(`${count} artifacts; 0 artifacts were known`), String(rows[1]![4]))
  if (scale === 'full') report.check('in less than a minute', firstMs < limitMs, `${(firstMs / 1000).toFixed(1)} s`)
}

import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { artifactOf, bastion } from '../support/bastion-process.ts'
import { setUp, startHttpHub } from '../support/http-hub.ts'
import { multiplyArtifact } from '../support/multiply-artifact.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'A Hub deletes fifty small artifacts a second and more from a folder, each with its log'

const leastPerSecond = 50

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const [count, jobs] = scale === 'full' ? [3000, 10] : [60, 3]
  await using folder = await temporaryFolder()
  const at = (...names: string[]) => path.join(folder.path, ...names)
  await mkdir(at('source'))
  await writeFile(at('source', 'a'), 'a')
  const stored = await bastion(['backup', at('source'), '--to', at('target'), '--job-id', 'model', '--json', '--data-dir', at('data')])
  const names = multiplyArtifact(at('target'), artifactOf(stored), { count, jobs })

  await using hub = await startHttpHub()
  const { client } = await setUp(hub)
  const target = { type: 'local_dir', path: at('target') } as const
  for (let after: string | undefined; ;) {
    const { next } = await client.maintenance.rebuildIndex({ body: { target, ...(after !== undefined && { after }) } })
    if (next === null) break
    after = next
  }

  const ofJob = Object.groupBy(names, (name) => path.dirname(name))
  const startedMs = performance.now()
  for (const [id, some = []] of Object.entries(ofJob)) {
    // Another Hub has stored them, and of each job the newest is among them.
    await client.artifacts.deleteMany({ params: { id }, body: { run_ids: some.map((name) => path.basename(name)), force: true } })
  }
  while ((await client.artifacts.list({ query: { status: 'deleting', limit: 1 } })).items.length > 0) await wait(20)
  const seconds = (performance.now() - startedMs) / 1000
  report.line(
    `${count} artifacts of ${jobs} jobs, asked for in ${jobs} requests: ${seconds.toFixed(1)} s from the first to the last one gone, ${Math.round(count / seconds)} a second.`,
  )
  const left = await Promise.all(Object.keys(ofJob).map((id) => readdir(at('target', id)).catch(() => [])))
  report.check('none is left in the folder', left.flat().length === 0, `${left.flat().length}`)
  const present = (await client.artifacts.list({ query: { limit: 200 } })).items
  report.check('the index has none of them but the one nobody wanted gone', present.length === 1 && present[0]!.job_id === 'model')
  const [id = '', run_id = ''] = names[0]!.split('/')
  const { items } = await client.artifacts.deleteEvents({ params: { id, run_id } })
  report.check('each has its log', items.map(({ kind }) => kind).join(' ') === 'requested started deleted')
  if (scale === 'full') report.check(`${leastPerSecond} a second and more`, count / seconds >= leastPerSecond)
}

import { Blake3Hasher } from '@napi-rs/blake-hash'
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { uuidv7 } from '../../src/core/ids.ts'

/**
 * So many whole artifacts more in a folder, made of one that is there: each with ids of its own, the objects of its payload are names of the same files.
 * @param root the target
 * @param model `job/run`
 * @param jobs over how many jobs they are spread
 * @returns their names
 */
export function multiplyArtifact(root: string, model: string, { count, jobs }: { count: number; jobs: number }): string[] {
  const [job = ''] = model.split('/')
  const text = (name: string) => readFileSync(path.join(root, model, name), 'utf8')
  const [run, manifest, complete] = ['run.json', 'manifest.json', 'complete.json'].map((name) => JSON.parse(text(name)) as Record<string, unknown>)
  const others = readdirSync(path.join(root, model)).filter((name) => !['run.json', 'manifest.json', 'complete.json'].includes(name))
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const ids = { job_id: `${job}-${i % jobs}`, run_id: uuidv7(Date.now() - count + i, randomBytes(10)) }
    const directory = path.join(root, ids.job_id, ids.run_id)
    mkdirSync(directory, { recursive: true })
    for (const name of others) linkSync(path.join(root, model, name), path.join(directory, name))
    const manifestText = JSON.stringify({ ...manifest, ...ids })
    const manifestHash = new Blake3Hasher().update(Buffer.from(manifestText)).digest('hex')
    writeFileSync(path.join(directory, 'run.json'), JSON.stringify({ ...run, ...ids }))
    writeFileSync(path.join(directory, 'manifest.json'), manifestText)
    writeFileSync(path.join(directory, 'complete.json'), JSON.stringify({ ...complete, run_id: ids.run_id, manifest_hash: manifestHash }))
    names.push(`${ids.job_id}/${ids.run_id}`)
  }
  return names
}

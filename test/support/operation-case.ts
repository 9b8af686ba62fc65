import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Client } from '../../src/client/client.ts'
import type { JobSpecInput } from '../../src/protocol/job-spec.ts'
import type { OperationDetail } from '../../src/protocol/operation-spec.ts'
import { admin, type HttpBrowser, type HttpHub, type HttpHubOptions, setUp, startHttpHub } from './http-hub.ts'
import { type SourceTree, sourceTree } from './source-tree.ts'

/** A Hub with its node, and artifacts to do something with, by its API alone. */
export interface OperationCase extends AsyncDisposable {
  readonly hub: HttpHub
  /** the administrator's, who is signed in */
  readonly session: HttpBrowser
  readonly client: Client
  readonly folder: string
  /** Backs up `source`, to a folder unless the job says otherwise. @returns the run, and its job */
  backup(source: string, job?: Partial<JobSpecInput>): Promise<{ runId: string; jobId: string; artifact: string }>
  /** Backs up a job once more. @returns the run, which has succeeded */
  again(jobId: string): Promise<string>
  ended(operationId: string): Promise<OperationDetail>
  kinds(operationId: string): Promise<string[]>
  /** below the default restore root */
  restored(...names: string[]): string
}

export async function openOperationCase(options: HttpHubOptions = {}): Promise<OperationCase> {
  const hub = await startHttpHub(options)
  const session = await setUp(hub)
  const { client } = session
  let jobs = 0

  async function again(jobId: string): Promise<string> {
    const { run_id: id } = await client.jobs.run({ params: { id: jobId } })
    for (;;) {
      const run = await client.runs.get({ params: { id } })
      if (run.status === 'success') return id
      if (run.ended_at !== null) throw new Error(`the backup is ${run.status}: ${run.error?.message ?? ''}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  return {
    hub,
    session,
    client,
    folder: hub.folder,
    async backup(source, job = {}) {
      const target = path.join(hub.folder, `target-${++jobs}`)
      const made = await client.jobs.create({
        body: {
          name: `job ${jobs}`,
          source: { type: 'filesystem', paths: [source], snapshot_mode: 'off', pre_scan: false },
          target: { type: 'local_dir', path: target },
          ...job,
        },
      })
      const { encryption } = made.pipeline
      if (encryption.type !== 'none') await client.ageKeys.export({ params: { name: encryption.key_name }, body: { password: admin.password } })
      const runId = await again(made.id)
      return { runId, jobId: made.id, artifact: path.join(target, made.id, runId) }
    },
    again,
    async ended(id) {
      for (;;) {
        const operation = await client.operations.get({ params: { id } })
        if (operation.ended_at !== null) return operation
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async kinds(id) {
      const { items } = await client.operations.events({ params: { id } })
      if (items.some(({ seq }, at) => seq !== at + 1)) throw new Error('the events have a gap')
      return items.map(({ kind }) => kind)
    },
    restored: (...names) => path.join(hub.folder, 'data', 'restore', ...names),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}

/** A small tree with a bit of everything that an ordinary user can make. */
export function mixedTree(at: string): SourceTree {
  mkdirSync(path.dirname(at), { recursive: true })
  return sourceTree(at)
    .file('letters/to ada.txt', 'dear Ada')
    .file('letters/to bob.txt', 'dear Bob')
    .file('large.bin', 3_000_000)
    .file('empty', '')
    .symlink('link', 'letters/to ada.txt')
    .link('again', 'large.bin')
    .file('deep/er/still/one', 'one')
    .finish()
}

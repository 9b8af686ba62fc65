import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { filesystemSourceSchema } from '../../src/core/filesystem-source.ts'
import { uuidv7 } from '../../src/core/ids.ts'
import { pipelineSpecSchema } from '../../src/core/pipeline-spec.ts'
import { createFileLocker } from '../../src/lib/file-lock.ts'
import type { HubMessage } from '../../src/protocol/node-messages.ts'
import type { RunPlan } from '../../src/protocol/run-plan.ts'
import { type KeptRuns, keptRuns, type NodeProcess, type NodeProcessOptions, startNode } from './node-process.ts'
import { writeManyFiles, writeSampleFile } from './sample-files.ts'
import { temporaryFolder } from './temporary-folder.ts'

const mebibyte = 2 ** 20

/** A node with a data directory, a source and a target, whose executor can be started again and again. */
export interface NodeCase extends AsyncDisposable {
  readonly folder: string
  readonly dataDir: string
  readonly target: string
  readonly kept: KeptRuns
  start(options?: Partial<NodeProcessOptions>): NodeProcess
  plan(change?: Partial<RunPlan>): RunPlan
  offer(plan: RunPlan): HubMessage
  /** of a run */
  at(runId: string, ...names: string[]): string
  journal(runId: string): Record<string, unknown>[]
  runnerPid(runId: string): Promise<number>
  /** Resolves when no runner holds the run any more. */
  runnerIsGone(runId: string): Promise<void>
}

/** Slow enough to be met at work: some seconds, whatever the machine. */
export const slowly = { bandwidth_limit: 3 * mebibyte } as const

export async function nodeCase(sourceBytes = 8 * mebibyte): Promise<NodeCase> {
  const folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  writeManyFiles(source, { count: 20, perDirectory: 10, sizeBytes: () => 1000 })
  writeSampleFile(path.join(source, 'large.bin'), sourceBytes)
  const dataDir = path.join(folder.path, 'data')
  const target = path.join(folder.path, 'target')
  mkdirSync(dataDir)
  const kept = keptRuns()
  const tryLock = createFileLocker()!
  const at = (runId: string, ...names: string[]) => path.join(dataDir, 'runs', runId, ...names)
  return {
    folder: folder.path,
    dataDir,
    target,
    kept,
    start: (options = {}) => startNode({ dataDir, kept, ...options }),
    plan: (change = {}) => ({
      v: 1,
      hub_id: 'hub-of-the-test',
      node_id: 'hub',
      job_id: 'job-1',
      job_name: 'a job',
      run_id: uuidv7(Date.now(), randomBytes(10)),
      source: filesystemSourceSchema.parse({ type: 'filesystem', paths: [source], snapshot_mode: 'off', pre_scan: false }),
      pipeline: pipelineSpecSchema.parse({ part_size_bytes: mebibyte }),
      target: { type: 'local_dir', path: target },
      ...change,
    }),
    offer: (plan) => ({ type: 'run.offer', plan, credentials: {} }),
    at,
    journal: (runId) =>
      readFileSync(at(runId, 'journal.ndjson'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    runnerPid: (runId) =>
      soon(() => {
        const pid = existsSync(at(runId, 'lock')) ? Number(readFileSync(at(runId, 'lock'), 'latin1')) : 0
        return pid > 0 ? pid : undefined
      }),
    runnerIsGone: async (runId) => {
      await soon(() => {
        using lock = tryLock(at(runId, 'lock'))
        return lock === null ? undefined : true
      })
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** What `look` finds, as soon as it does. */
export async function soon<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { hasCode } from '../../src/core/errors.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { entriesBelow, objectsOf, runBackup, testJobId } from './engine.ts'
import { servicesFor } from './snapshot-case.ts'

export interface FreezeAsUserOutcome {
  error?: string
  /** what is on the target when it failed */
  stored?: string[]
  status?: string
  grade?: string
  snapshot?: { status: string; reason?: string | undefined }
  coverage?: { path: string; read: string; reason?: string | undefined }[]
  entries?: string[]
  leases?: string[]
}

/** A backup of `<folder>/source` in mode `mode`, with rights of whoever runs this. */
export async function freezeAsUser({
  folder,
  source,
  mode,
  provider,
}: {
  folder: string
  source: string
  mode: 'auto' | 'required'
  provider?: string
}): Promise<FreezeAsUserOutcome> {
  const dataDirectory = path.join(folder, 'data')
  const target = createMemoryTarget()
  try {
    const run = await runBackup({
      target,
      sources: [source],
      snapshots: servicesFor(dataDirectory),
      dataDirectory,
      ownDirectories: [dataDirectory],
      spec: { snapshot_mode: mode, error_policy: 'skip_ok', ...(provider === undefined ? {} : { snapshot_provider: provider }) },
    })
    const { summary, source: read, status } = run.outcome
    return {
      status,
      grade: summary.grade,
      snapshot: read.snapshot,
      coverage: read.coverage,
      entries: [...(await entriesBelow(run, source.slice(1))).keys()],
      leases: existsSync(path.join(dataDirectory, 'leases')) ? readdirSync(path.join(dataDirectory, 'leases')) : [],
    }
  } catch (error) {
    if (hasCode(error, 'snapshot_unavailable')) return { error: error.message, stored: [...(await objectsOf(target, testJobId)).keys()] }
    throw error
  }
}

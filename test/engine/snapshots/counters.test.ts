import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { below, restoreRun, runBackup, type BackupRun } from '../../support/engine.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, whyNoLoop } from '../../support/loop-filesystem.ts'
import { scale } from '../../support/scale.ts'
import { servicesFor } from '../../support/snapshot-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const why = await whyNoLoop('btrfs')
const writer = fileURLToPath(new URL('../../support/counter-writer.ts', import.meta.url))
const counterCount = 100

describe.skipIf(why !== undefined)(
  `while a writer counts in ${counterCount} files, one after the other${why === undefined ? '' : `: ${why}`}`,
  () => {
    let disk: LoopFilesystem
    let data: Awaited<ReturnType<typeof temporaryFolder>>

    beforeAll(async () => {
      disk = await loopFilesystem('btrfs')
      data = await temporaryFolder()
    })
    afterAll(async () => {
      await disk[Symbol.asyncDispose]()
      await data[Symbol.asyncDispose]()
    })

    /** Counts in the files of a folder until it is disposed of. */
    async function counting(folder: string): Promise<AsyncDisposable> {
      const child = spawn(process.execPath, [writer, folder, String(counterCount)], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      return {
        async [Symbol.asyncDispose]() {
          child.kill('SIGKILL')
          await once(child, 'close')
        },
      }
    }

    async function counters(run: BackupRun, source: string): Promise<number[]> {
      await using there = await temporaryFolder()
      await restoreRun(run, there.path)
      const folder = below(there.path, source)
      return readdirSync(folder).map((name) => Number(readFileSync(path.join(folder, name), 'utf8')))
    }

    test('a frozen backup has them all within one step, in the order they were written', async () => {
      const source = path.join(disk.path, 'source')
      await btrfs('subvolume', 'create', source)
      await using _ = await counting(source)
      for (let round = 0; round < scale(3, 50); round++) {
        const run = await runBackup({
          target: createMemoryTarget(),
          sources: [source],
          snapshots: servicesFor(data.path),
          spec: { snapshot_mode: 'required' },
        })
        const found = await counters(run, source)
        expect(found).toHaveLength(counterCount)
        expect(found).toEqual(found.toSorted((a, b) => b - a))
        expect(found[0]! - found.at(-1)!).toBeLessThanOrEqual(1)
        expect(run.outcome).toMatchObject({
          status: 'success',
          summary: { grade: 'atomic_volume', filesystem: { consistency: { changed_total: 0, retried_total: 0 } } },
        })
      }
    })

    test('a live backup of the same has not, and says that they changed while it read', async () => {
      const source = path.join(data.path, 'source')
      mkdirSync(source)
      await using _ = await counting(source)
      let told = 0
      let spread = 0
      // On a machine with little to spare the writer may stand still for all of a short backup: then there is nothing to tell.
      for (let round = 0; round < 20 && (told === 0 || spread <= 1); round++) {
        const run = await runBackup({ target: createMemoryTarget(), sources: [source] })
        const found = await counters(run, source)
        const { changed_total, retried_total } = run.outcome.summary.filesystem.consistency
        told = Math.max(told, changed_total + retried_total)
        spread = Math.max(spread, Math.max(...found) - Math.min(...found))
        expect(run.outcome.summary.grade).toBe(changed_total > 0 ? 'changed' : 'stable')
        expect(run.outcome.status).toBe(changed_total > 0 ? 'warning' : 'success')
      }
      expect(told).toBeGreaterThan(0)
      expect(spread).toBeGreaterThan(1)
    })
  },
)

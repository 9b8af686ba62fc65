import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { below, restoreRun, runBackup, type BackupRun } from '../../support/engine.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, whyNoLoop } from '../../support/loop-filesystem.ts'
import { scale } from '../../support/scale.ts'
import { eventsOf, servicesFor } from '../../support/snapshot-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const why = await whyNoLoop('btrfs')
const writerProgram = fileURLToPath(new URL('../../support/counter-writer.ts', import.meta.url))
const counterCount = 100
/** Larger than a frame: what is smaller is read again until it is stable, and told as that. */
const counterBytes = 200 * 1024

describe.skipIf(why !== undefined)(
  `while a writer counts in ${counterCount} files, one after the other${why === undefined ? '' : `: ${why}`}`,
  () => {
    let disk: LoopFilesystem
    let data: Awaited<ReturnType<typeof temporaryFolder>>
    let source: string
    let writer: AsyncDisposable

    beforeAll(async () => {
      disk = await loopFilesystem('btrfs')
      data = await temporaryFolder()
      source = path.join(disk.path, 'source')
      await btrfs('subvolume', 'create', source)
      writer = await counting(source)
    })
    afterAll(async () => {
      await writer[Symbol.asyncDispose]()
      await disk[Symbol.asyncDispose]()
      await data[Symbol.asyncDispose]()
    })

    /** Counts in the files of a folder until it is disposed of. */
    async function counting(folder: string): Promise<AsyncDisposable> {
      const child = spawn(process.execPath, [writerProgram, folder, String(counterCount), String(counterBytes)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout, 'data')
      return {
        async [Symbol.asyncDispose]() {
          child.kill('SIGKILL')
          await once(child, 'close')
        },
      }
    }

    async function counters(run: BackupRun): Promise<number[]> {
      await using there = await temporaryFolder()
      await restoreRun(run, there.path)
      const folder = below(there.path, source)
      return readdirSync(folder).map((name) => Number(readFileSync(path.join(folder, name), 'latin1').slice(0, 12)))
    }

    const backUp = (snapshot_mode: 'required' | 'off') =>
      runBackup({ target: createMemoryTarget(), sources: [source], snapshots: servicesFor(data.path), spec: { snapshot_mode } })

    test('a frozen backup has them all within one step, in the order they were written', async () => {
      for (let round = 0; round < scale(3, 50); round++) {
        const run = await backUp('required')
        const found = await counters(run)
        expect(found).toHaveLength(counterCount)
        expect(found).toEqual(found.toSorted((a, b) => b - a))
        expect(found[0]! - found.at(-1)!).toBeLessThanOrEqual(1)
        expect(run.outcome).toMatchObject({
          status: 'success',
          summary: { grade: 'atomic_volume', filesystem: { consistency: { changed_total: 0, retried_total: 0 } } },
        })
      }
    })

    test('a live backup of the same has not, and reports that they changed while it read', async () => {
      let changed = 0
      let spread = 0
      // On a machine with little to spare the writer may stand still for all of a short backup: then there is nothing to tell.
      for (let round = 0; round < 50 && (changed === 0 || spread <= 1); round++) {
        const run = await backUp('off')
        const found = await counters(run)
        expect(found).toHaveLength(counterCount)
        const { changed_total } = run.outcome.source.consistency
        expect(run.outcome).toMatchObject(
          changed_total > 0 ? { status: 'warning', summary: { grade: 'changed' } } : { status: 'success', summary: { grade: 'stable' } },
        )
        expect(eventsOf(run.events, 'source_consistency')).toMatchObject(changed_total > 0 ? [{ changed_total }] : [])
        changed = Math.max(changed, changed_total)
        spread = Math.max(spread, Math.max(...found) - Math.min(...found))
      }
      expect(changed).toBeGreaterThan(0)
      expect(spread).toBeGreaterThan(1)
    })
  },
)

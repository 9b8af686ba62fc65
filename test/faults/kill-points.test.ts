import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Format, formatSchema } from '../../src/core/artifact.ts'
import { hasCode } from '../../src/core/errors.ts'
import { listArtifacts } from '../../src/engine/list.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { startBastion } from '../support/bastion-process.ts'
import { openRun, verifyRun } from '../support/engine.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import { scale } from '../support/scale.ts'
import { readTrace, whyNoStrace } from '../support/strace.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const skipReason = await whyNoStrace()
const jobId = 'kill-points'

/** The calls that change what a disk holds, or wait for it. One thread makes them all, so the nth of one run is the nth of the next. */
const calls = ['mkdir', 'link', 'unlink', 'rename', 'fdatasync', 'fsync', 'syncfs'] as const
/** A tree's files get their bytes, times and names without a call of the others. */
const treeCalls = [...calls, 'pwrite64', 'utimensat'] as const
const env = { UV_THREADPOOL_SIZE: '1' }

/** The short form takes every so many of these. */
const steps: Partial<Record<(typeof treeCalls)[number], number>> = { mkdir: 4, fdatasync: 4, fsync: 4, pwrite64: 8, utimensat: 8 }

describe.skipIf(skipReason !== undefined).each(formatSchema.options)(
  `a backup as %s killed just before any call that changes the disk${skipReason === undefined ? '' : `: ${skipReason}`}`,
  (format) => {
    const traced = format === 'raw_tree_v1' ? treeCalls : calls
    let counts: Map<string, number>

    beforeAll(async () => {
      await using place = await prepare(format)
      const trace = path.join(place.folder, 'trace')
      const { code, stderr } = await startBastion(place.args, { env, under: ['strace', '-f', '-y', '-o', trace, '-e', `trace=${traced.join()}`] })
        .ended
      expect(code, stderr).toBe(0)
      counts = new Map()
      for (const { name } of readTrace(trace)) counts.set(name, (counts.get(name) ?? 0) + 1)
    })

    test.for(traced)('leaves no artifact or a whole one: %s', async (call) => {
      const count = counts.get(call) ?? 0
      expect(count).toBeGreaterThan(0)
      await using place = await prepare(format)
      const target = createLocalDirTarget({ path: path.join(place.folder, 'target') })
      const found = { none: 0, whole: 0 }
      for (let nth = 1; nth <= count; nth += scale(steps[call] ?? 1, 1)) {
        const before = await runIds(place.folder)
        const under = ['strace', '-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`]
        const { code, signal } = await startBastion(place.args, { env, under }).ended
        // strace counts for each thread: where another one made the last of them, the run goes on to its end.
        expect(signal ?? code).toBe(signal === null ? 0 : 'SIGKILL')
        const runId = (await runIds(place.folder)).find((id) => !before.includes(id))
        if (runId === undefined) found.none += 1
        else if (await isWhole(target, runId)) found.whole += 1
        else found.none += 1
      }
      expect(found.none).toBeGreaterThan(0)
      // What the kills left does not stand in the way of the next run, and none of it is listed.
      const { code, stderr } = await startBastion(place.args).ended
      expect(code, stderr).toBe(0)
      const listed = []
      for await (const artifact of listArtifacts(target, { signal: new AbortController().signal })) listed.push(artifact.status)
      expect(listed).toEqual(new Array(found.whole + 1).fill('present'))
      await target.close()
    })

    /** @throws unless it verifies as a whole or is no artifact at all */
    async function isWhole(target: ReturnType<typeof createLocalDirTarget>, runId: string): Promise<boolean> {
      const run = { target, ref: { jobId, runId } }
      try {
        await openRun(run)
      } catch (error) {
        if (hasCode(error, 'artifact_not_found')) return false
        throw error
      }
      expect(await verifyRun(run)).toMatchObject({ ok: true, damaged: { total: 0 } })
      return true
    }
  },
)

async function prepare(format: Format): Promise<AsyncDisposable & { folder: string; args: string[] }> {
  const folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  writeManyFiles(source, { count: 5, perDirectory: 5, sizeBytes: () => 1000 })
  writeSampleFile(path.join(source, 'large.bin'), 1.5 * 2 ** 20)
  const target = path.join(folder.path, 'target')
  const args = [
    'backup',
    source,
    '--to',
    target,
    '--job-id',
    jobId,
    '--format',
    format,
    '--part-size',
    '1',
    '--snapshot',
    'off',
    '--data-dir',
    path.join(folder.path, 'data'),
  ]
  return { folder: folder.path, args, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

function runIds(folder: string): Promise<string[]> {
  return readdir(path.join(folder, 'target', jobId)).catch(() => [])
}

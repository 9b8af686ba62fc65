import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatSchema, objectNames } from '../../src/core/artifact.ts'
import { artifactName } from '../../src/engine/list.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { newTemporaryName } from '../../src/engine/targets/temporary-name.ts'
import { startBastion } from '../support/bastion-process.ts'
import { listedRuns, removalCase } from '../support/removal-case.ts'
import { scale } from '../support/scale.ts'
import { readTrace, whyNoStrace } from '../support/strace.ts'
import { workFolder } from '../support/work-folder.ts'

const skipReason = await whyNoStrace()
let work: Awaited<ReturnType<typeof workFolder>>
beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

/** Those by which a removal changes the disk, or waits for it. One thread makes them all, so the nth of one run is the nth of the next. */
const calls = ['unlink', 'rmdir', 'fsync'] as const
const env = { UV_THREADPOOL_SIZE: '1' }

describe.skipIf(skipReason !== undefined).each(formatSchema.options)(
  `a removal of an artifact as %s killed just before any call that changes the disk${skipReason === undefined ? '' : `: ${skipReason}`}`,
  (format) => {
    test('leaves it whole or to be finished, and takes nothing of another run', async () => {
      const folder = path.join(work.path, format)
      const root = path.join(folder, 'target')
      const target = createLocalDirTarget({ path: root })
      const { ref, other } = await removalCase(target, folder, format)
      const directory = path.join(root, artifactName(ref))
      // The rest of an object on its way in, which no target lists: it must not outlive run.json.
      writeFileSync(path.join(directory, newTemporaryName('payload.part000099')), randomBytes(100))
      const kept = path.join(folder, 'kept')
      cpSync(root, kept, { recursive: true })
      const all = readdirSync(directory, { recursive: true }).length
      const names = (place: string) => readdirSync(path.join(place, artifactName(other)), { recursive: true, encoding: 'utf8' }).toSorted()
      const args = ['delete', directory, '--yes', '--force', '--data-dir', path.join(folder, 'data')]

      const trace = path.join(folder, 'trace')
      const whole = await startBastion(args, { env, under: ['strace', '-f', '-y', '-o', trace, '-e', `trace=${calls.join()}`] }).ended
      expect(whole.code, whole.stderr).toBe(0)
      const traced = readTrace(trace).filter(({ args: text }) => text.includes(root) || text.includes('/proc/self/fd'))
      const removed = traced.filter(({ name }) => name === 'unlink').map(({ args: text }) => /([^/"]+)"$/.exec(text)?.[1])
      expect(removed[0]).toBe(objectNames.complete)
      expect(removed.slice(-2)).toEqual([objectNames.manifest, objectNames.run])

      const seen = new Set<string>()
      for (const call of calls) {
        const count = readTrace(trace).filter(({ name }) => name === call).length
        expect(count).toBeGreaterThan(0)
        for (let nth = 1; nth <= count; nth += scale(count > 8 ? 3 : 1, 1)) {
          rmSync(root, { recursive: true })
          cpSync(kept, root, { recursive: true })
          const under = ['strace', '-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`]
          const { code, signal } = await startBastion(args, { env, under }).ended
          expect(signal ?? code).toBe(signal === null ? 0 : 'SIGKILL')
          const left = existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : null
          const isWhole = left?.length === all
          seen.add(left === null ? 'gone' : isWhole ? 'whole' : left.length === 0 ? 'empty' : 'begun')
          const others = [`${other.runId} present`]
          expect(await listedRuns(target)).toEqual(isWhole ? [`${ref.runId} present`, ...others] : others)
          // It is known whose it is for as long as anything is there.
          if (left !== null && left.length > 0) expect(left).toContain(objectNames.run)
          if (left !== null) {
            const again = await startBastion(args, { env }).ended
            expect(again.code, again.stderr).toBe(0)
          }
          expect(existsSync(directory)).toBe(false)
          expect(names(root)).toEqual(names(kept))
        }
      }
      expect([...seen]).toEqual(expect.arrayContaining(['whole', 'begun', 'empty']))
      expect(JSON.parse(readFileSync(path.join(root, artifactName(other), objectNames.complete), 'utf8'))).toMatchObject({ run_id: other.runId })
    }, 300_000)
  },
)

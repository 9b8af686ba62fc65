import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runBastion, startBastion } from '../support/bastion-process.ts'
import { fillVault, openAll, openVault } from '../support/key-case.ts'
import { scale } from '../support/scale.ts'
import { readTrace, whyNoStrace } from '../support/strace.ts'
import { workFolder } from '../support/work-folder.ts'

const skipReason = await whyNoStrace()
let work: Awaited<ReturnType<typeof workFolder>>
beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

/** Those by which a rotation changes the disk, or waits for it. */
const calls = ['rename', 'fsync', 'pwrite64', 'unlink'] as const
const env = { UV_THREADPOOL_SIZE: '1' }

describe.skipIf(skipReason !== undefined)(
  `a rotation of the master key killed just before any call that changes the disk${skipReason === undefined ? '' : `: ${skipReason}`}`,
  () => {
    test('leaves all that was sealed to be opened by one of two files, and the next one goes through', async () => {
      const original = path.join(work.path, 'original')
      const data = path.join(work.path, 'data')
      mkdirSync(original)
      await fillVault(original, ['attic', 'default'])
      const oldKey = readFileSync(path.join(original, 'master.key'), 'utf8')
      let identities: Record<string, string>
      {
        await using hub = await openVault(original)
        identities = await openAll(hub)
      }
      const args = ['keypack', 'rotate', '--data-dir', data, '--json']
      const again = () => {
        rmSync(data, { recursive: true, force: true })
        cpSync(original, data, { recursive: true })
      }

      again()
      const trace = path.join(work.path, 'trace')
      const whole = await startBastion(args, { env, under: ['strace', '-f', '-y', '-o', trace, '-e', `trace=${calls.join()}`] }).ended
      expect(whole.code, whole.stderr).toBe(0)
      const seen = new Set<string>()
      for (const call of calls) {
        const traced = readTrace(trace).filter(({ name }) => name === call)
        // strace counts the calls of each thread by itself.
        const count = Math.max(0, ...[...Map.groupBy(traced, ({ pid }) => pid).values()].map((ofThread) => ofThread.length))
        expect(count, call).toBeGreaterThan(0)
        for (let nth = 1; nth <= count; nth += scale(count > 8 ? 3 : 1, 1)) {
          again()
          const under = ['strace', '-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`]
          const { code, signal } = await startBastion(args, { env, under }).ended
          expect(signal ?? code).toBe(signal === null ? 0 : 'SIGKILL')
          const isOld = readFileSync(path.join(data, 'master.key'), 'utf8') === oldKey
          const hasNext = existsSync(path.join(data, 'master.key.next'))
          {
            await using hub = await openVault(data)
            expect(await openAll(hub), `${call} ${nth}`).toEqual(identities)
          }
          const isStillOld = readFileSync(path.join(data, 'master.key'), 'utf8') === oldKey
          seen.add(`${isOld ? 'old' : 'new'}${hasNext ? ' and next' : ''} -> ${isStillOld ? 'old' : 'new'}`)
          const end = await runBastion(args, { env })
          expect(end.code, end.stderr).toBe(0)
          expect(readFileSync(path.join(data, 'master.key'), 'utf8')).not.toBe(oldKey)
          expect(existsSync(path.join(data, 'master.key.next'))).toBe(false)
          await using hub = await openVault(data)
          expect(await openAll(hub)).toEqual(identities)
        }
      }
      // Before the next key is there; before the last transaction; between it and the new name; after it.
      expect([...seen].toSorted()).toEqual(['new -> new', 'old -> old', 'old and next -> new', 'old and next -> old'])
    }, 300_000)
  },
)

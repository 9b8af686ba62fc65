import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasCode } from '../../../src/core/errors.ts'
import { createFaultyTarget } from '../../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { objectsOf, runBackup, runStock, testJobId, verifyRun } from '../../support/engine.ts'
import { sourceTree } from '../../support/source-tree.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const pipeline = { format: 'raw_tree_v1' } as const
let folder: AsyncDisposable & { readonly path: string }
let source: string

beforeAll(async () => {
  folder = await temporaryFolder()
  const tree = sourceTree(path.join(folder.path, 'source'))
  for (let i = 0; i < 300; i++) tree.file(`small/${i}`, 1000)
  source = tree.file('large', 3_000_000).finish().root
  // To be read for longer than anybody waits: nothing is on the disk of it.
  runStock('truncate -s 2T endless', { cwd: tree.dir('z').root + '/z' })
})
afterAll(() => folder[Symbol.asyncDispose]())

async function isCanceled(running: Promise<unknown>): Promise<boolean> {
  return running.then(
    () => false,
    (error: unknown) => hasCode(error, 'canceled'),
  )
}

test.each(['small/0', 'small/299', 'large'])('a backup that is aborted while %s stalls at the target ends, and leaves nothing', async (name) => {
  const inner = createMemoryTarget()
  const stop = new AbortController()
  const isIt = (key: string) => key.endsWith(`/${name}`) && (setImmediate(() => stop.abort()), true)
  const target = createFaultyTarget(inner, { rules: [{ fault: { kind: 'stall', afterBytes: 500 }, method: 'put', key: isIt }] })
  expect(await isCanceled(runBackup({ target, sources: [source], pipeline, spec: { exclude: ['endless'] }, signal: stop.signal }))).toBe(true)
  expect([...(await objectsOf(inner)).keys()]).toEqual(['bastion-target.json'])
})

test('a backup that is aborted while threads write a file ends soon, and leaves nothing, open or closed', async () => {
  const root = path.join(folder.path, 'target')
  const target = createLocalDirTarget({ path: root })
  const stop = new AbortController()
  const running = runBackup({ target, sources: [source], pipeline, signal: stop.signal })
  const endless = () => {
    const runs = path.join(root, testJobId)
    return existsSync(runs) && readdirSync(runs).some((run) => existsSync(path.join(runs, run, 'data', `${source}/z/endless`)))
  }
  while (!endless()) await new Promise((resolve) => setTimeout(resolve, 5))
  stop.abort()
  expect(await isCanceled(running)).toBe(true)
  expect([...(await objectsOf(target)).keys()]).toEqual(['bastion-target.json'])
  expect(readdirSync('/proc/self/fd').filter((fd) => isBelow(fd, root))).toEqual([])
  const run = await runBackup({ target, sources: [source], pipeline, spec: { exclude: ['endless'] } })
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

function isBelow(fd: string, root: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${root}/`)
  } catch {
    return false // the one that lists them
  }
}

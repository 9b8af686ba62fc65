import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runPrefix } from '../../../src/core/artifact.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { createWebdavTarget } from '../../../src/engine/targets/webdav/webdav-target.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { below, objectsOf, restoreRun, runBackup, verifyRun } from '../../support/engine.ts'
import { oddTree } from '../../support/odd-tree.ts'
import { startOpenssh, whyNoOpenssh } from '../../support/servers/openssh-server.ts'
import { sftpTarget } from '../../support/servers/sftp-target.ts'
import { webdavKinds } from '../../support/servers/webdav-servers.ts'
import { workFolder } from '../../support/work-folder.ts'

const pipeline = { format: 'raw_tree_v1' } as const
let work: Awaited<ReturnType<typeof workFolder>>
let count = 0

beforeAll(async () => {
  work = await workFolder()
})
afterAll(() => work[Symbol.asyncDispose]())

/** A server of a test's own, and a target on it. */
interface Place extends AsyncDisposable {
  target: Target
}

const places: { name: string; whyNot: string | undefined; open: () => Promise<Place> }[] = [
  ...webdavKinds.map((kind) => ({
    name: `WebDAV on ${kind.name}`,
    whyNot: kind.whyNot,
    async open(): Promise<Place> {
      const server = await kind.start()
      const target = createWebdavTarget({ baseUrl: `${server.url}/${randomUUID()}`, timeoutMs: 30_000, clock: { now: Date.now } })
      return { target, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
    },
  })),
  {
    name: 'SFTP on OpenSSH',
    whyNot: whyNoOpenssh(),
    async open(): Promise<Place> {
      const server = await startOpenssh()
      return {
        target: sftpTarget(server, { path: path.join(server.folder, randomUUID()) }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  },
]

describe.each(places)('a tree on $name', ({ whyNot, open }) => {
  test('with every kind of odd name comes back as it was, and goes when it is removed', async ({ skip }) => {
    if (whyNot !== undefined) skip(whyNot)
    const at = path.join(work.path, String(++count))
    mkdirSync(at)
    const tree = oddTree(at)
    await using place = await open()
    const { target } = place
    try {
      const run = await runBackup({ target, sources: [tree.root], pipeline, spec: { hardlink_policy: 'keep' } })
      for (const level of ['chain', 'full'] as const) expect(await verifyRun(run, level)).toMatchObject({ ok: true, damaged: { total: 0 } })
      await restoreRun(run, path.join(at, 'ours'))
      expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root))).toEqual([])
      await target.removeTree(runPrefix(run.ref.jobId, run.ref.runId))
      expect([...(await objectsOf(target)).keys()]).toEqual(['bastion-target.json'])
    } finally {
      await target.close()
    }
  })
})

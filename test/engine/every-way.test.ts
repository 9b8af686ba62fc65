import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { createS3Target } from '../../src/engine/targets/s3/s3-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { createWebdavTarget } from '../../src/engine/targets/webdav/webdav-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { isRoot } from '../support/as-user.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { below, restoreRun, runBackup, verifyRun } from '../support/engine.ts'
import { everythingTree } from '../support/everything-tree.ts'
import { type OpensshServer, startOpenssh, whyNoOpenssh } from '../support/servers/openssh-server.ts'
import { newBucket, radosgw, type S3Place, whyNoRadosgw } from '../support/servers/radosgw.ts'
import { sftpTarget } from '../support/servers/sftp-target.ts'
import { startSwift, whyNoSwift } from '../support/servers/swift.ts'
import type { WebdavServer } from '../support/servers/webdav-server.ts'
import { webdavKinds } from '../support/servers/webdav-servers.ts'
import { workFolder } from '../support/work-folder.ts'

/** A kind of place on a real server. */
interface Place {
  name: string
  whyNot: string | undefined
  open(): Promise<Target>
}

let work: Awaited<ReturnType<typeof workFolder>>
let source: string
const servers: AsyncDisposable[] = []

beforeAll(async () => {
  work = await workFolder()
  source = everythingTree(path.join(work.path, 'source'), { asRoot: isRoot }).root
})
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await work[Symbol.asyncDispose]()
})

function started<Server extends AsyncDisposable>(start: () => Promise<Server>): () => Promise<Server> {
  let starting: Promise<Server> | undefined
  return async () => {
    starting ??= start().then((server) => {
      servers.push(server)
      return server
    })
    return await starting
  }
}

const openssh = started<OpensshServer>(startOpenssh)
const swift = started(startSwift)
const timeouts = { connectMs: 5000, answerMs: 30_000, minBytesPerSecond: 1024 }
const places: Place[] = [
  { name: 'memory', whyNot: undefined, open: async () => createMemoryTarget() },
  { name: 'local_dir', whyNot: undefined, open: async () => createLocalDirTarget({ path: path.join(work.path, randomUUID()) }) },
  ...webdavKinds.map((kind): Place => {
    const server = started<WebdavServer>(() => kind.start())
    return {
      name: `webdav on ${kind.name}`,
      whyNot: kind.whyNot,
      open: async () => createWebdavTarget({ baseUrl: `${(await server()).url}/${randomUUID()}`, timeoutMs: 30_000, clock: { now: Date.now } }),
    }
  }),
  {
    name: 'sftp on OpenSSH',
    whyNot: whyNoOpenssh(),
    open: async () => sftpTarget(await openssh(), { path: path.join((await openssh()).folder, randomUUID()) }),
  },
  { name: 's3 on radosgw', whyNot: await whyNoRadosgw(), open: async () => s3(await radosgw()) },
  { name: 's3 on Swift', whyNot: await whyNoSwift(), open: async () => s3(await swift()) },
]

async function s3(server: S3Place): Promise<Target> {
  return createS3Target({ ...server, bucket: await newBucket(server), prefix: 'place', clock: { now: Date.now }, timeouts })
}

describe.each(places)('everything a tree can hold, on $name', (place) => {
  test.for([
    ['archive_v1', false],
    ['archive_v1', true],
    ['raw_tree_v1', false],
  ] as const)('as %s, encrypted: %s, is verified and comes back without a difference', async ([format, encrypted], { skip }) => {
    if (place.whyNot !== undefined) return skip(place.whyNot)
    const target = await place.open()
    const keys = encrypted ? generateAgeKeyPair() : null
    const identities = keys === null ? [] : [keys.identity]
    try {
      const run = await runBackup({
        target,
        sources: [source],
        // Hard links are asked for: elsewhere than in a folder a browsable tree has copies unless it is.
        spec: { hardlink_policy: 'keep' },
        pipeline: { format, recipients: keys === null ? [] : [keys.recipient] },
      })
      expect(run.outcome.status).toBe('success')
      expect(await verifyRun(run, 'full', identities)).toMatchObject({ ok: true, damaged: { total: 0 } })
      const restored = path.join(work.path, randomUUID())
      mkdirSync(restored)
      expect(await restoreRun(run, restored, { identities })).toMatchObject({ failed: { total: 0 }, damaged: { total: 0 }, conflicts: { total: 0 } })
      expect(compareTrees(source, below(restored, source), format === 'raw_tree_v1' ? { ignore: ['data'] } : {})).toEqual([])
    } finally {
      await target.close()
    }
  })
})

import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobSpecInput } from '../../../src/protocol/job-spec.ts'
import { isRoot } from '../../support/as-user.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { everythingTree } from '../../support/everything-tree.ts'
import { mixedTree, openOperationCase, type OperationCase } from '../../support/operation-case.ts'
import { type OpensshServer, startOpenssh, whyNoOpenssh } from '../../support/servers/openssh-server.ts'
import { newBucket, radosgw, whyNoRadosgw } from '../../support/servers/radosgw.ts'
import { webdavKinds } from '../../support/servers/webdav-servers.ts'

type Target = JobSpecInput['target']

/** A kind of target on a real server, as a job names it; what is secret is given to the Hub before. */
interface Place {
  name: string
  whyNot: string | undefined
  open(ops: OperationCase): Promise<Target>
}

const opened = new AsyncDisposableStack()
let ops: OperationCase
let source: string
let starting: Promise<OpensshServer> | undefined
beforeAll(async () => {
  ops = opened.use(await openOperationCase())
  source = everythingTree(path.join(ops.folder, 'source'), { asRoot: isRoot }).root
})
afterAll(async () => {
  // Deeper than a path can be long, which Node cannot remove.
  spawnSync('rm', ['-rf', source, ops.restored()])
  await opened.disposeAsync()
})

const node = { id: 'hub' }
const [apache] = webdavKinds

/** One for all tests, whose key the Hub knows. */
function openssh(): Promise<OpensshServer> {
  starting ??= startOpenssh().then(async (server) => {
    await ops.client.secrets.create({ params: node, body: { name: 'ssh', kind: 'sftp', values: { private_key: server.privateKey } } })
    return opened.use(server)
  })
  return starting
}

async function sftpFolder(name: string): Promise<Target & { path: string }> {
  const { port, username, fingerprint, folder } = await openssh()
  return { type: 'sftp', host: '127.0.0.1', port, username, host_key: fingerprint, path: path.join(folder, name), secret_name: 'ssh' }
}

const account = { username: 'ada', password: 'only the Hub knows' }
const places: Place[] = [
  { name: 'local_dir', whyNot: undefined, open: async ({ folder }) => ({ type: 'local_dir', path: path.join(folder, randomUUID()) }) },
  {
    name: 'webdav on Apache',
    whyNot: apache!.whyNot,
    async open({ client }) {
      const server = opened.use(await apache!.start({ account }))
      await client.secrets.create({ params: node, body: { name: 'dav', kind: 'webdav', values: { password: account.password } } })
      return { type: 'webdav', base_url: `${server.url}/backups`, username: account.username, secret_name: 'dav' }
    },
  },
  {
    name: 'sftp on OpenSSH',
    whyNot: whyNoOpenssh(),
    open: () => sftpFolder('backups'),
  },
  {
    name: 's3 on radosgw',
    whyNot: await whyNoRadosgw(),
    async open({ client }) {
      const server = await radosgw()
      const { accessKeyId, secretAccessKey } = server.credentials
      await client.secrets.create({ params: node, body: { name: 's3', kind: 's3', values: { secret_access_key: secretAccessKey } } })
      const { endpoint, region } = server
      return { type: 's3', bucket: await newBucket(server), prefix: 'backups', endpoint, region, access_key_id: accessKeyId, secret_name: 's3' }
    },
  },
]

describe.each(places)('everything a tree can hold, on $name, asked of the Hub', (place) => {
  let target: Target
  beforeAll(async () => {
    if (place.whyNot === undefined) target = await place.open(ops)
  })

  test.for([
    ['archive_v1', false],
    ['archive_v1', true],
    ['raw_tree_v1', false],
  ] as const)('as %s, encrypted: %s, comes back without a difference', { timeout: 300_000 }, async ([format, encrypted], { skip }) => {
    if (place.whyNot !== undefined) return skip(place.whyNot)
    const { client } = ops
    const { runId } = await ops.backup(source, {
      source: { type: 'filesystem', paths: [source], snapshot_mode: 'off', pre_scan: false, hardlink_policy: 'keep', sqlite_capture: 'off' },
      pipeline: { format, ...(encrypted && { encryption: { type: 'age_x25519', key_name: 'default' } }) },
      target,
    })
    const params = { id: runId }
    const plan = await client.operations.planRestore({ params, body: {} })
    expect(plan).toMatchObject({ fits: true, conflicts: { total: 0, looked_at_all: true } })
    const { operation_id: id } = await client.operations.restore({ params, body: {} })
    const operation = await ops.ended(id)
    expect(operation).toMatchObject({ status: 'success', outcome: 'success', report: { failed: { total: 0 }, damaged: { total: 0 } } })
    const { restored } = operation.report as { restored: object }
    expect(restored).toMatchObject({ files: plan.files, dirs: plan.dirs, links: plan.links, others: plan.others })
    expect(compareTrees(source, ops.restored(id, source), format === 'raw_tree_v1' ? { ignore: ['data'] } : {})).toEqual([])
  })
})

test('a restore goes to a server too, with the credentials of that one', async ({ skip }) => {
  const reason = whyNoOpenssh()
  if (reason !== undefined) return skip(reason)
  const mixed = mixedTree(path.join(ops.folder, 'mixed')).root
  const { runId } = await ops.backup(mixed, { pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } } })
  const target = await sftpFolder('restored')
  const body = { destination: { type: 'target' as const, target } }
  const { operation_id: id } = await ops.client.operations.restore({ params: { id: runId }, body })
  expect(await ops.ended(id)).toMatchObject({ status: 'success', report: { restored: { files: 5 } } })
  // SFTP has whole seconds.
  expect(compareTrees(mixed, path.join(target.path, mixed), { ignore: ['one file with', 'mtime_ns'] })).toEqual([])
})

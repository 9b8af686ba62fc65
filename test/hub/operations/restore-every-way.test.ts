import { execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JobSpecInput } from '../../../src/protocol/job-spec.ts'
import { isRoot } from '../../support/as-user.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { everythingTree } from '../../support/everything-tree.ts'
import { mixedTree, openOperationCase, type OperationCase } from '../../support/operation-case.ts'
import { scale } from '../../support/scale.ts'
import { type OpensshServer, startOpenssh, whyNoOpenssh } from '../../support/servers/openssh-server.ts'
import { newBucket, radosgw, whyNoRadosgw } from '../../support/servers/radosgw.ts'
import { webdavKinds } from '../../support/servers/webdav-servers.ts'
import { giveSession, openChromium, watchedContext, type WatchedContext, webDirectory, whyNoBrowser } from '../../support/web-browser.ts'

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
let browsing: Promise<WatchedContext> | undefined

/** The machine may be busy. */
const patiently = { timeout: 300_000 }

beforeAll(async () => {
  ops = opened.use(await openOperationCase({ webDirectory }))
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

const ways = [
  { format: 'archive_v1', encrypted: false },
  { format: 'archive_v1', encrypted: true },
  { format: 'raw_tree_v1', encrypted: false },
] as const

describe.each(places.map((place, at) => ({ name: place.name, place, at })))('everything a tree can hold, on $name', ({ place, at }) => {
  const { whyNot } = place
  let target: Target
  beforeAll(async () => {
    if (whyNot === undefined) target = await place.open(ops)
  })

  describe.each(ways.map((way, number) => ({ ...way, number })))('as $format, encrypted: $encrypted,', ({ format, encrypted, number }) => {
    let running: Promise<{ runId: string }> | undefined
    const backup = () =>
      (running ??= ops.backup(source, {
        source: { type: 'filesystem', paths: [source], snapshot_mode: 'off', pre_scan: false, hardlink_policy: 'keep', sqlite_capture: 'off' },
        pipeline: { format, ...(encrypted && { encryption: { type: 'age_x25519', key_name: 'default' } }) },
        target,
      }))
    const differences = (restored: string) => compareTrees(source, restored, format === 'raw_tree_v1' ? { ignore: ['data'] } : {})

    test('comes back without a difference, asked of the Hub', patiently, async ({ skip }) => {
      if (whyNot !== undefined) return skip(whyNot)
      const { client } = ops
      const { runId } = await backup()
      const params = { id: runId }
      const plan = await client.operations.planRestore({ params, body: {} })
      expect(plan).toMatchObject({ fits: true, conflicts: { total: 0, looked_at_all: true } })
      const { operation_id: id } = await client.operations.restore({ params, body: {} })
      const operation = await ops.ended(id)
      expect(operation).toMatchObject({ status: 'success', outcome: 'success', report: { failed: { total: 0 }, damaged: { total: 0 } } })
      const { restored } = operation.report as { restored: object }
      expect(restored).toMatchObject({ files: plan.files, dirs: plan.dirs, links: plan.links, others: plan.others })
      expect(differences(ops.restored(id, source))).toEqual([])
    })

    // In the short form each target with one format, in the full one with each.
    const isShown = scale(number === (at + 2) % ways.length, true)
    if (!isShown) return
    test('comes back without a difference through the pages', patiently, async ({ skip }) => {
      const why = whyNot ?? whyNoBrowser
      if (why !== undefined) return skip(why)
      const { runId } = await backup()
      const { context, complaints } = await consoleOf(ops)
      const page = await context.newPage()
      const folder = ops.restored(`through the pages ${at} ${number}`)
      const operation = await ops.ended(await restoreByWizard(page, runId, folder))
      expect(operation).toMatchObject({ status: 'success', outcome: 'success', report: { failed: { total: 0 }, damaged: { total: 0 } } })
      expect(differences(path.join(folder, source))).toEqual([])

      const sizes = path.join(source, 'sizes')
      const largest = readdirSync(sizes).toSorted().at(-1)!
      await page.goto(`/runs/${runId}/files?path=${encodeURIComponent(sizes.slice(1))}`)
      const file = await downloaded(page, () => page.getByRole('link', { name: `Download ${largest}` }).click())
      expect(readFileSync(file).equals(readFileSync(path.join(sizes, largest)))).toBe(true)

      await page.goto(`/runs/${runId}/restore?path=${encodeURIComponent(sizes.slice(1))}`)
      await page.getByRole('radio', { name: 'This browser' }).click()
      const archive = await downloaded(page, () => page.getByRole('link', { name: 'Download' }).click())
      const extracted = path.join(ops.folder, `downloaded ${at} ${number}`)
      mkdirSync(extracted)
      execFileSync('tar', ['-xpf', archive, '-C', extracted])
      expect(compareTrees(sizes, path.join(extracted, sizes))).toEqual([])
      expect(complaints).toEqual([])
      await page.close()
    })
  })
})

/** The browser, in which the administrator is signed in. One for all tests. */
function consoleOf({ hub, session }: OperationCase): Promise<WatchedContext> {
  browsing ??= (async () => {
    const browser = await openChromium()
    opened.defer(() => browser.close())
    const watched = opened.use(await watchedContext(browser, hub))
    await giveSession(watched.context, hub, session)
    return watched
  })()
  return browsing
}

/** As a person does it. @returns the id of the operation that was begun */
async function restoreByWizard(page: Page, runId: string, folder: string): Promise<string> {
  await page.goto(`/runs/${runId}/restore`)
  await page.getByRole('radio', { name: 'A folder', exact: true }).click()
  await page.getByRole('textbox', { name: 'Folder' }).fill(folder)
  await page.getByRole('button', { name: 'Restore', exact: true }).click()
  await page.waitForURL('**/operations/*')
  await page.getByText(`Restored to ${folder}`).waitFor()
  return path.basename(new URL(page.url()).pathname)
}

async function downloaded(page: Page, click: () => Promise<void>): Promise<string> {
  const downloading = page.waitForEvent('download')
  await click()
  return (await downloading).path()
}

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

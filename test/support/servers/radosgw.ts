import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { access, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { logOf, sharedServer, startDaemon } from './shared-server.ts'

const exec = promisify(execFile)
const commands = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool']
const accessKeyId = 'test-access-key'
const secretAccessKey = 'test-secret-key'

/** How an S3 server is reached. */
export interface S3Place {
  endpoint: string
  region: string
  credentials: { accessKeyId: string; secretAccessKey: string }
}

export interface S3Server extends S3Place {
  /** what the gateway says, a line for each request that is done among it */
  accessLog: string
}

/** Why no S3 server can be had here, as the reason of a skipped test; absent when one can. */
export async function whyNoRadosgw(): Promise<string | undefined> {
  for (const command of commands) {
    const found = await Promise.any((process.env['PATH'] ?? '').split(path.delimiter).map((folder) => access(path.join(folder, command)))).then(
      () => true,
      () => false,
    )
    if (!found) return `no ${command}: install radosgw, ceph-mon and ceph-osd`
  }
  return undefined
}

/** Ceph's S3 server over a cluster of one node that keeps everything in memory; one for the whole test run. */
export async function radosgw(): Promise<S3Server> {
  const { endpoint, accessLog } = JSON.parse(await sharedServer('radosgw', start)) as Pick<S3Server, 'endpoint' | 'accessLog'>
  return { endpoint, accessLog, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey } }
}

/** A client of the SDK, for looking from outside. */
export function s3Client({ endpoint, region, credentials }: S3Place): S3Client {
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true })
}

/** A bucket that nobody else uses. */
export async function newBucket(server: S3Place): Promise<string> {
  const bucket = `bastion-${randomUUID()}`
  const client = s3Client(server)
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
  return bucket
}

async function start(folder: string): Promise<string> {
  const port = await freePort()
  const monPort = await freePort()
  const conf = path.join(folder, 'ceph.conf')
  const keyring = path.join(folder, 'keyring')
  const monmap = path.join(folder, 'monmap')
  const fsid = randomUUID()
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(path.join(folder, name))
  await writeFile(conf, configuration({ folder, fsid, port, monPort }))
  const env = { CEPH_CONF: conf }
  const run = (command: string, ...args: string[]) => exec(command, args, { env: { ...process.env, ...env }, timeout: 60_000 })

  await run('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
  const everything = ['mon', 'osd', 'mgr', 'mds'].flatMap((service) => ['--cap', service, 'allow *'])
  await run('ceph-authtool', keyring, '--gen-key', '-n', 'client.admin', ...everything)
  await run('ceph-authtool', keyring, '--gen-key', '-n', 'osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *')
  await run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', `[v1:127.0.0.1:${monPort}]`, monmap)
  await run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', monmap, '--keyring', keyring)
  await startDaemon(folder, 'mon', ['ceph-mon', '-f', '-i', 'a', '--conf', conf], env)
  const osdId = randomUUID()
  await run('ceph', 'osd', 'new', osdId)
  await run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osdId)
  await run('ceph', 'osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=h')
  await startDaemon(folder, 'osd', ['ceph-osd', '-f', '-i', '0', '--conf', conf], env)
  await startDaemon(folder, 'rgw', ['radosgw', '-f', '-n', 'client.admin', '--conf', conf], env)
  const endpoint = `http://127.0.0.1:${port}`
  await answers(endpoint)
  const keys = ['--access-key', accessKeyId, '--secret', secretAccessKey]
  await run('radosgw-admin', 'user', 'create', '--uid', 'test', '--display-name', 'test', ...keys)
  return JSON.stringify({ endpoint, accessLog: logOf(folder, 'rgw') })
}

/** cephx and messenger v1: without authentication the gateway hangs while it connects. No sockets in the folder, whose path may be too long for one. */
function configuration({ folder, fsid, port, monPort }: { folder: string; fsid: string; port: number; monPort: number }): string {
  return `[global]
fsid = ${fsid}
mon_host = 127.0.0.1:${monPort}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = ${folder}/keyring
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_update_on_start = false
mon_allow_pool_size_one = true
ms_bind_msgr2 = false
admin_socket =
pid_file =
log_file =
log_to_stderr = true
mon_cluster_log_file = ${folder}/cluster.log
mon_data = ${folder}/mon
osd_data = ${folder}/osd
osd_objectstore = memstore
memstore_device_bytes = ${8 * 2 ** 30}
[client.admin]
rgw_data = ${folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${port}
rgw_gc_obj_min_wait = 1
rgw_gc_processor_period = 10
`
}

async function answers(endpoint: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++, await delay(100)) {
    const answer = await fetch(endpoint).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer !== undefined) return
  }
  throw new Error('the gateway does not answer')
}

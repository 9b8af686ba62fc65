import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '../temporary-folder.ts'
import type { S3Place } from './radosgw.ts'
import { startServer } from './server-process.ts'

const exec = promisify(execFile)
const services = ['account', 'container', 'object'] as const
const commands = ['swift-proxy-server', 'swift-ring-builder', 'memcached', ...services.map((service) => `swift-${service}-server`)]
/** Its servers read it wherever they are told that their files are. */
const hashFile = '/etc/swift/swift.conf'
/** What it waits for itself is short: on a machine that is busy it would answer 503. */
const patienceSeconds = 60

/** Why no Swift can be had here, as the reason of a skipped test; absent when one can. */
export async function whyNoSwift(): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/bin']
  const missing = commands.filter((command) => !folders.some((folder) => existsSync(path.join(folder, command))))
  if (missing.length > 0) return `no ${missing.join(', ')}: install swift-proxy, swift-account, swift-container, swift-object and memcached`
  return await access(hashFile).then(
    () => undefined,
    () => `${hashFile} cannot be read`,
  )
}

/** OpenStack Swift with its S3 interface: one of each service, one device in a folder. It answers conditional writes with 501. */
export async function startSwift(): Promise<S3Place & AsyncDisposable> {
  await using starting = new AsyncDisposableStack()
  const { path: folder } = starting.use(await temporaryFolder())
  await mkdir(path.join(folder, 'devices', 'd'), { recursive: true })
  const memcached = starting.use(
    await startServer((port) => Promise.resolve(['memcached', '-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'root', '-m', '16'])),
  )
  for (const service of services) {
    starting.use(
      await startServer(async (port) => {
        await makeRing(folder, service, port)
        return [`swift-${service}-server`, await writeConf(folder, service, storageConf(folder, service, port))]
      }),
    )
  }
  const proxy = starting.use(
    await startServer(async (port) => ['swift-proxy-server', await writeConf(folder, 'proxy', proxyConf(folder, port, memcached.port))]),
  )
  const running = starting.move()
  return {
    endpoint: `http://127.0.0.1:${proxy.port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test:tester', secretAccessKey: 'testing' },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** One copy of everything, on the one device. */
async function makeRing(folder: string, service: string, port: number): Promise<void> {
  const builder = path.join(folder, `${service}.builder`)
  const ring = (...args: string[]) => exec('swift-ring-builder', [builder, ...args])
  await ring('create', '4', '1', '0')
  await ring('add', `r1z1-127.0.0.1:${port}/d`, '1')
  await ring('rebalance')
}

async function writeConf(folder: string, name: string, text: string): Promise<string> {
  const file = path.join(folder, `${name}.conf`)
  await writeFile(file, text)
  return file
}

function common(folder: string, port: number): string {
  const user = process.getuid?.() === 0 ? 'user = root\n' : ''
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
${user}swift_dir = ${folder}
log_address = ${folder}/no-log
`
}

function storageConf(folder: string, service: string, port: number): string {
  return `${common(folder, port)}devices = ${folder}/devices
mount_check = false
[pipeline:main]
pipeline = ${service}-server
[app:${service}-server]
use = egg:swift#${service}
conn_timeout = ${patienceSeconds}
node_timeout = ${patienceSeconds}
`
}

function proxyConf(folder: string, port: number, memcachedPort: number): string {
  const filters = ['catch_errors', 'gatekeeper', 'memcache', 'listing_formats', 's3api', 'tempauth', 'bulk', 'slo', 'dlo']
  const settings: Record<string, string> = {
    memcache: `memcache_servers = 127.0.0.1:${memcachedPort}
conn_timeout = ${patienceSeconds}
io_timeout = ${patienceSeconds}
pool_timeout = ${patienceSeconds}
`,
    s3api: 'location = us-east-1\n',
    tempauth: 'user_test_tester = testing .admin\n',
  }
  return `${common(folder, port)}[pipeline:main]
pipeline = ${filters.join(' ')} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = ${patienceSeconds}
node_timeout = ${patienceSeconds}
${filters.map((name) => `[filter:${name}]\nuse = egg:swift#${name}\n${settings[name] ?? ''}`).join('')}`
}

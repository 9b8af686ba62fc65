import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { tmpdir } from 'node:os'
import { afterAll, test } from 'vitest'
import { createCountingTarget } from '../../../src/engine/targets/counting-target.ts'
import { createFaultyTarget } from '../../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { createRetryingTarget } from '../../../src/engine/targets/retrying-target.ts'
import { createS3Target } from '../../../src/engine/targets/s3/s3-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { createThrottledTarget } from '../../../src/engine/targets/throttled-target.ts'
import { createTokenBucket } from '../../../src/engine/targets/token-bucket.ts'
import { createWebdavTarget } from '../../../src/engine/targets/webdav/webdav-target.ts'
import { seededRandom } from '../../support/seed.ts'
import { startOpenssh, whyNoOpenssh, type OpensshServer } from '../../support/servers/openssh-server.ts'
import { startPlainSftp, type PlainSftpServer } from '../../support/servers/plain-sftp-server.ts'
import { newBucket, radosgw, type S3Place, whyNoRadosgw } from '../../support/servers/radosgw.ts'
import { sftpTarget } from '../../support/servers/sftp-target.ts'
import { startSwift, whyNoSwift } from '../../support/servers/swift.ts'
import { webdavKinds, type WebdavKind } from '../../support/servers/webdav-servers.ts'
import type { WebdavServer } from '../../support/servers/webdav-server.ts'
import { type ContractFeature, testTargetContract } from '../../support/target-contract.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folders: AsyncDisposable[] = []
afterAll(async () => {
  for (const folder of folders) await folder[Symbol.asyncDispose]()
})

async function localDir(parent: string = tmpdir()): Promise<Target> {
  const folder = await temporaryFolder(parent)
  folders.push(folder)
  return createLocalDirTarget({ path: path.join(folder.path, 'not', 'yet', 'made') })
}

const webdavServers = new Map<WebdavKind, Promise<WebdavServer>>()
afterAll(async () => {
  for (const server of webdavServers.values()) await (await server)[Symbol.asyncDispose]()
})

async function webdav(kind: WebdavKind): Promise<Target> {
  const starting = webdavServers.get(kind) ?? kind.start()
  webdavServers.set(kind, starting)
  const { url } = await starting
  return createWebdavTarget({ baseUrl: `${url}/${randomUUID()}/not yet/made`, timeoutMs: 30_000, clock: { now: Date.now } })
}

let sshd: Promise<OpensshServer> | undefined
afterAll(async () => (await sshd)?.[Symbol.asyncDispose]())

async function sftpOnOpenssh(): Promise<Target> {
  sshd ??= startOpenssh()
  const server = await sshd
  return sftpTarget(server, { path: path.join(server.folder, randomUUID(), 'not', 'yet', 'made') })
}

let plainSftp: Promise<PlainSftpServer> | undefined
afterAll(async () => (await plainSftp)?.[Symbol.asyncDispose]())

async function sftpWithoutExtensions(): Promise<Target> {
  plainSftp ??= startPlainSftp({ namesOnly: true })
  const folder = await temporaryFolder()
  folders.push(folder)
  return sftpTarget(await plainSftp, { path: path.join(folder.path, 'not', 'yet', 'made') })
}

async function s3(server: S3Place): Promise<Target> {
  const timeouts = { connectMs: 5_000, answerMs: 30_000, minBytesPerSecond: 1024 }
  return createS3Target({ ...server, bucket: await newBucket(server), prefix: 'some/place', clock: { now: Date.now }, timeouts })
}

let swift: ReturnType<typeof startSwift> | undefined
afterAll(async () => (await swift)?.[Symbol.asyncDispose]())

async function s3OnSwift(): Promise<Target> {
  swift ??= startSwift()
  return s3(await swift)
}

type Place = [
  name: string,
  claims: readonly ContractFeature[],
  open: () => Target | Promise<Target>,
  whyNot?: string | undefined,
  cannot?: Readonly<Record<string, string>>,
]

const everything: readonly ContractFeature[] = ['atomicPut', 'rangeReads', 'conditionalPut', 'realTree']

const places: Place[] = [
  ['memory', ['atomicPut', 'rangeReads', 'conditionalPut'], () => createMemoryTarget({ clock: { now: () => 1_700_000_000_000 } })],
  ['local_dir on a disk', everything, () => localDir()],
]

const servers: Place[] = [
  ['sftp on OpenSSH', everything, sftpOnOpenssh, whyNoOpenssh()],
  ['sftp on a server without extensions', everything, sftpWithoutExtensions],
  ['s3 on radosgw', ['atomicPut', 'rangeReads'], async () => s3(await radosgw()), await whyNoRadosgw()],
  ['s3 on Swift', ['atomicPut', 'rangeReads'], s3OnSwift, await whyNoSwift()],
  ...webdavKinds.map((kind): Place => [`webdav on ${kind.name}`, ['atomicPut', 'rangeReads'], () => webdav(kind), kind.whyNot, kind.cannot]),
]

for (const [name, claims, open, whyNot, cannot] of [...places, ...servers]) {
  if (whyNot !== undefined) {
    test(`contract: ${name}`, ({ skip }) => skip(whyNot))
    continue
  }
  testTargetContract(name, claims, open, cannot)
  testTargetContract(
    `retrying ${name} that fails every third request and breaks off every fourth get`,
    claims,
    async () => {
      const faulty = createFaultyTarget(await open(), {
        rules: [
          { fault: { kind: 'cut', withinBytes: 2_000_000 }, method: 'get', probability: 0.25 },
          // A stream is sent once only, so puts are left alone; their retries have tests of their own.
          ...(['get', 'stat', 'list', 'remove', 'flush'] as const).map((method) => ({
            fault: { kind: 'error' as const, code: 'target_unreachable' as const },
            method,
            probability: 1 / 3,
          })),
        ],
        seed: 1,
      })
      return retrying(faulty)
    },
    cannot,
  )
}

// What the wrappers promise does not depend on how far away the place is.
for (const [name, claims, open] of places) {
  testTargetContract(`counting ${name}`, claims, async () => createCountingTarget(await open()))
  testTargetContract(`throttled ${name}`, claims, async () => throttled(await open()))
  testTargetContract(`faulty ${name} without faults`, claims, async () => createFaultyTarget(await open(), {}))
  testTargetContract(`faulty ${name} with room enough`, claims, async () => createFaultyTarget(await open(), { fullAfterBytes: 2 ** 40 }))
  testTargetContract(`retrying ${name}`, claims, async () => retrying(await open()))
}

if (existsSync('/dev/shm')) testTargetContract('local_dir in memory (tmpfs)', everything, () => localDir('/dev/shm'))
else test('contract: local_dir in memory (tmpfs)', ({ skip }) => skip('there is no /dev/shm here'))

function throttled(inner: Target): Target {
  const clock = { now: () => 0 }
  const bucket = createTokenBucket({ bytesPerSecond: 5_000_000, clock, sleep: async () => {} })
  return createThrottledTarget(inner, { put: bucket, get: bucket })
}

function retrying(inner: Target): Target {
  const policy = { attempts: 20, firstDelayMs: 1, maxDelayMs: 10, giveUpAfterMs: 60_000 }
  return createRetryingTarget(inner, { policy, clock: { now: () => 0 }, sleep: async () => {}, random: seededRandom(1) })
}

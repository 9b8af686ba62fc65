import { randomUUID } from 'node:crypto'
import { readFileSync, statfsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Format, objectNames } from '../../src/core/artifact.ts'
import { artifactOf, bastion, jsonLines, startBastion } from '../support/bastion-process.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { type Appearances, appearancesInApache, appearancesInRadosgw, appearancesInSftpServer, appearancesOf } from '../support/servers/access-log.ts'
import { apacheWebdav } from '../support/servers/apache-webdav.ts'
import { startOpenssh, whyNoOpenssh } from '../support/servers/openssh-server.ts'
import { newBucket, radosgw, whyNoRadosgw } from '../support/servers/radosgw.ts'
import { webdavKinds } from '../support/servers/webdav-servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'

export const title = 'A backup to a server stages nothing here, needs less than 400 MiB of memory, and its marker is the last thing to appear there'

const mebibyte = 2 ** 20
const memoryLimitBytes = 400 * mebibyte
const roomLimitBytes = 64 * mebibyte
const sampleEveryMs = 10
const formats: readonly Format[] = ['archive_v1', 'raw_tree_v1']

/** A server that runs, what it is called on the command line, and where it writes down what it did. */
interface Place extends AsyncDisposable {
  target: string
  env: NodeJS.ProcessEnv
  logFile: string
  appearances: Appearances
}

const servers: readonly { name: string; whyNot: string | undefined; start: () => Promise<Place> }[] = [
  {
    name: 'webdav on Apache',
    whyNot: webdavKinds[0]!.whyNot,
    async start() {
      const server = await apacheWebdav()
      return {
        target: `webdav+${server.url}/place`,
        env: {},
        logFile: server.accessLog,
        appearances: appearancesInApache,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  },
  {
    name: 's3 on radosgw',
    whyNot: await whyNoRadosgw(),
    async start() {
      const server = await radosgw()
      const { accessKeyId, secretAccessKey } = server.credentials
      return {
        target: `s3://${await newBucket(server)}/place?endpoint=${server.endpoint}`,
        env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
        logFile: server.accessLog,
        appearances: appearancesInRadosgw,
        async [Symbol.asyncDispose]() {},
      }
    },
  },
  {
    name: 'sftp on OpenSSH',
    whyNot: whyNoOpenssh(),
    async start() {
      const server = await startOpenssh()
      return {
        target: `sftp://${server.username}@127.0.0.1:${server.port}${server.folder}/place?host_key=${server.fingerprint}`,
        env: { BASTION_SFTP_KEY_FILE: server.privateKeyFile, SSH_AUTH_SOCK: '' },
        logFile: server.accessLog,
        appearances: appearancesInSftpServer,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  },
]

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const why = await whyNoTmpfs()
  if (why !== undefined) return report.line(`Not shown here: ${why}.`)
  await using folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  const sourceBytes = await writeSource(source, scale)
  const rows: (string | number)[][] = []
  for (const server of servers) {
    if (server.whyNot !== undefined) {
      report.line(`Not shown: ${server.name}, because there is ${server.whyNot}.`)
      continue
    }
    for (const format of formats) {
      // One at a time, with its server: together they would fill a disk.
      await using place = await server.start()
      await using room = await mountTmpfs(path.join(folder.path, randomUUID()), 2 * roomLimitBytes)
      rows.push([server.name, format, ...(await measure(place, format, source, room.path))])
    }
  }
  report.line(
    `Source: ${Math.round(sourceBytes / mebibyte)} MiB that do not compress, in large files and small ones. The program runs where it can write nowhere but to a filesystem of ` +
      `its own (data directory, TMPDIR, HOME; ${(2 * roomLimitBytes) / mebibyte} MiB in all), every other one is mounted read-only for it; what the servers store is elsewhere. ` +
      `The free space there and the peak of the resident set (VmHWM, threads included) are read from outside every ${sampleEveryMs} ms.`,
  )
  report.table(['target', 'format', 's', 'objects', 'most room taken, KiB', 'peak MiB', 'appeared in this order', 'verified'], rows)
  const most = (column: number) => Math.max(...rows.map((row) => Number(row[column])))
  const each = (column: number, value: string) => rows.filter((row) => row[column] !== value).map((row) => row.join(' '))
  report.check('the free space shrinks by at most 64 MiB', most(4) * 1024 <= roomLimitBytes, `at most ${most(4)} KiB`)
  report.check('the peak stays below 400 MiB', most(5) * mebibyte < memoryLimitBytes, `at most ${most(5)} MiB`)
  const inOrder = each(6, order)
  report.check(
    "by the server's own log the payload appears before all that tells of it, and the marker last",
    inOrder.length === 0,
    inOrder.join('; ') || order,
  )
  const whole = each(7, 'whole')
  report.check('each artifact verifies in full', whole.length === 0, whole.join('; ') || `${rows.length} artifacts`)
}

/** @returns its bytes */
async function writeSource(folder: string, scale: Scale): Promise<number> {
  await mkdir(folder)
  const [largeMebibytes, small] = scale === 'full' ? [[1024, 512, 256, 240], 8_000] : [[64, 40, 20], 400]
  for (const size of largeMebibytes) writeSampleFile(path.join(folder, `large-${size}.bin`), size * mebibyte)
  writeManyFiles(path.join(folder, 'small'), { count: small, perDirectory: 500, sizeBytes: () => 4096 })
  return largeMebibytes.reduce((a, b) => a + b) * mebibyte + small * 4096
}

const order = 'run.json, payload, index, manifest, RESTORE.md, complete.json'

/** @returns seconds, objects, KiB, MiB, order, verdict */
async function measure(place: Place, format: Format, source: string, room: string): Promise<(string | number)[]> {
  const env = { ...place.env, HOME: room, TMPDIR: room, XDG_CACHE_HOME: room }
  const running = startBastion(
    [
      'backup',
      source,
      '--to',
      place.target,
      '--format',
      format,
      '--snapshot',
      'off',
      '--job-id',
      'targets',
      '--data-dir',
      path.join(room, 'data'),
      '--json',
    ],
    { cwd: room, env, under: readOnlyBut },
  )
  const freeBefore = freeBytesOf(room)
  let peakBytes = 0
  let leastFree = freeBefore
  while (!running.hasEnded) {
    leastFree = Math.min(leastFree, freeBytesOf(room))
    peakBytes = Math.max(peakBytes, peakBytesOf(running.pid))
    await delay(sampleEveryMs)
  }
  const end = await running.ended
  if (end.code !== 0) throw new Error(`${place.target} as ${format} ended with ${String(end.code ?? end.signal)}: ${end.stdout}${end.stderr}`)
  const artifact = artifactOf(end)
  const names = await appearancesOf({ logFile: place.logFile, read: place.appearances, below: `/${artifact}/`, last: objectNames.complete })
  const [before = '', query] = place.target.split('?')
  const verified = await bastion(['verify', `${before}/${artifact}${query === undefined ? '' : `?${query}`}`, '--level', 'full', '--json'], { env })
  return [
    Number((end.durationMs / 1000).toFixed(1)),
    names.length,
    Math.ceil((freeBefore - leastFree) / 1024),
    Math.ceil(peakBytes / mebibyte),
    stagesOf(names).join(', '),
    jsonLines(verified.stdout).at(-1)?.['ok'] === true ? 'whole' : verified.stdout,
  ]
}

/** Its own mounts, of which those with a disk or a memory behind them are read-only. */
const readOnlyBut = [
  'unshare',
  '--mount',
  'sh',
  '-ec',
  'for at in / /dev/shm /run /tmp /var/tmp; do if mountpoint -q $at; then mount -o remount,bind,ro $at; fi; done; if touch /bastion-may-write /var/tmp/bastion-may-write; then exit 9; fi 2>/dev/null; exec "$@"',
  'sh',
]

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** 0 when the process is gone. */
function peakBytesOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

const stages: readonly [pattern: RegExp, stage: string][] = [
  [/^(payload\.part|data\/|odd\/)/, 'payload'],
  [/^entries\.jsonl\.zst(\.age)?$/, 'index'],
  [/^manifest\.json$/, 'manifest'],
]

/** What appeared, neighbours of one kind told once. */
function stagesOf(names: readonly string[]): string[] {
  const told = names.map((name) => stages.find(([pattern]) => pattern.test(name))?.[1] ?? name)
  return told.filter((stage, i) => stage !== told[i - 1])
}

import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { createS3Target } from '../../../src/engine/targets/s3/s3-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { createWebdavTarget } from '../../../src/engine/targets/webdav/webdav-target.ts'
import { startOpenssh, whyNoOpenssh } from './openssh-server.ts'
import { newBucket, radosgw, whyNoRadosgw } from './radosgw.ts'
import { sftpTarget } from './sftp-target.ts'
import { webdavKinds } from './webdav-servers.ts'

/** One running server of each protocol. */
export interface RealServers extends AsyncDisposable {
  /** `open` gives a target that nobody else uses. */
  readonly all: readonly { name: string; open: () => Promise<Target> }[]
  /** what cannot be had on this machine, each with the reason */
  readonly missing: readonly string[]
}

export async function openRealServers(): Promise<RealServers> {
  const servers: AsyncDisposable[] = []
  const all: { name: string; open: () => Promise<Target> }[] = []
  const missing: string[] = []
  const [apache] = webdavKinds
  if (apache?.whyNot !== undefined) missing.push(`webdav: ${apache.whyNot}`)
  else {
    const server = await apache!.start()
    servers.push(server)
    const open = async () => createWebdavTarget({ baseUrl: `${server.url}/${randomUUID()}`, timeoutMs: 30_000, clock: { now: Date.now } })
    all.push({ name: `webdav on ${apache!.name}`, open })
  }
  const noOpenssh = whyNoOpenssh()
  if (noOpenssh !== undefined) missing.push(`sftp: ${noOpenssh}`)
  else {
    const server = await startOpenssh()
    servers.push(server)
    all.push({ name: 'sftp on OpenSSH', open: async () => sftpTarget(server, { path: path.join(server.folder, randomUUID()) }) })
  }
  const noRadosgw = await whyNoRadosgw()
  if (noRadosgw !== undefined) missing.push(`s3: ${noRadosgw}`)
  else {
    const server = await radosgw()
    const bucket = await newBucket(server)
    const timeouts = { connectMs: 5_000, answerMs: 30_000, minBytesPerSecond: 1024 }
    const open = async () => createS3Target({ ...server, bucket, prefix: randomUUID(), clock: { now: Date.now }, timeouts })
    all.push({ name: 's3 on radosgw', open })
  }
  return {
    all,
    missing,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]()
    },
  }
}

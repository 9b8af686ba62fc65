import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { startOpenssh, whyNoOpenssh } from '../test/support/servers/openssh-server.ts'
import { startServer } from '../test/support/servers/server-process.ts'
import { runQuietly } from './measure.ts'

/** A remote place, on the loopback. Its own CPU and memory are nobody's: it is the same for both. */
export interface Server extends AsyncDisposable {
  /** as our program names the place */
  targetUrl: string
  /** as rclone does */
  remote: string
  /** how both reach it, credentials too */
  env: NodeJS.ProcessEnv
  /** of everything in the place, where it is not a folder that can be looked at */
  storedBytes?(): Promise<number>
  /** Removes everything in the place, where that is more than a folder. */
  clear?(): Promise<void>
}

/** A bucket on an S3 server that somebody else started. */
export interface S3Bucket {
  endpoint: string
  bucket: string
  accessKeyId: string
  secretAccessKey: string
}

export const serverKinds = ['webdav', 'sftp', 's3'] as const
export type ServerKind = (typeof serverKinds)[number]

/** Why there is no such server here; `null` when there is. */
export function whyNoServer(kind: ServerKind, s3: S3Bucket | null): string | null {
  switch (kind) {
    case 'webdav':
      return null // rclone itself
    case 'sftp':
      return whyNoOpenssh() ?? null
    case 's3':
      return s3 === null ? 'no S3 server was named' : null
  }
}

/** Opens an empty place; unless the server has one of its own, that is `folder`. */
export async function openServer(kind: ServerKind, folder: string, options: { scratch: string; s3: S3Bucket | null }): Promise<Server> {
  switch (kind) {
    case 'webdav':
      return await serveWebdav(folder, options.scratch)
    case 'sftp':
      return await serveSftp(folder)
    case 's3':
      if (options.s3 === null) throw new Error('no S3 server')
      return openBucket(options.s3, `bastion-bench-${randomUUID()}`)
  }
}

async function serveWebdav(folder: string, scratch: string): Promise<Server> {
  const own = path.join(scratch, 'server')
  await mkdir(own)
  const server = await startServer((port) =>
    Promise.resolve(['rclone', 'serve', 'webdav', folder, '--addr', `127.0.0.1:${port}`, '--config', '', '--cache-dir', own]),
  )
  const url = `http://127.0.0.1:${server.port}/`
  return {
    targetUrl: `webdav+${url}`,
    remote: 'peer:',
    env: { RCLONE_CONFIG_PEER_TYPE: 'webdav', RCLONE_CONFIG_PEER_URL: url, RCLONE_CONFIG_PEER_VENDOR: 'other' },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function serveSftp(folder: string): Promise<Server> {
  const server = await startOpenssh()
  return {
    targetUrl: `sftp://${server.username}@127.0.0.1:${server.port}${folder}`,
    remote: `peer:${folder}`,
    env: {
      BASTION_SFTP_KEY_FILE: server.privateKeyFile,
      BASTION_SFTP_HOST_KEY: server.fingerprint,
      RCLONE_CONFIG_PEER_TYPE: 'sftp',
      RCLONE_CONFIG_PEER_HOST: '127.0.0.1',
      RCLONE_CONFIG_PEER_PORT: String(server.port),
      RCLONE_CONFIG_PEER_USER: server.username,
      RCLONE_CONFIG_PEER_KEY_FILE: server.privateKeyFile,
      // It would run md5sum on the server for each file, which most servers for files refuse.
      RCLONE_CONFIG_PEER_DISABLE_HASHCHECK: 'true',
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** @param prefix that nobody else uses in this bucket */
function openBucket({ endpoint, bucket, accessKeyId, secretAccessKey }: S3Bucket, prefix: string): Server {
  const remote = `peer:${bucket}/${prefix}`
  const env = {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    RCLONE_CONFIG_PEER_TYPE: 's3',
    RCLONE_CONFIG_PEER_PROVIDER: 'Other',
    RCLONE_CONFIG_PEER_ENDPOINT: endpoint,
    RCLONE_CONFIG_PEER_ACCESS_KEY_ID: accessKeyId,
    RCLONE_CONFIG_PEER_SECRET_ACCESS_KEY: secretAccessKey,
    RCLONE_CONFIG_PEER_FORCE_PATH_STYLE: 'true',
    // The bucket is there; an account that may not make one may still copy into it.
    RCLONE_CONFIG_PEER_NO_CHECK_BUCKET: 'true',
  }
  const rclone = (...args: string[]) => runQuietly(['rclone', '--config', '', ...args], { env })
  return {
    targetUrl: `s3://${bucket}/${prefix}`,
    remote,
    env,
    storedBytes: async () => (JSON.parse(await rclone('size', '--json', remote)) as { bytes: number }).bytes,
    async clear() {
      await rclone('delete', remote)
    },
    async [Symbol.asyncDispose]() {},
  }
}

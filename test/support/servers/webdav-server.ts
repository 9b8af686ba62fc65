import { chown, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { workFolder } from '../work-folder.ts'
import { startServer } from './server-process.ts'

/** A WebDAV server with a folder of its own, on the loopback. */
export interface WebdavServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/dav`, a collection that is there and empty */
  readonly url: string
  /** what the server shows below `url` */
  readonly folder: string
  /** where it writes down its requests, if it was told to */
  readonly accessLog: string
}

export interface Account {
  username: string
  password: string
}

/** Files of a certificate and its key. */
export interface TlsFiles {
  certificateFile: string
  keyFile: string
}

/** What a server's configuration is written from. */
export interface ServerPlace {
  /** for its configuration, logs and temporary files */
  work: string
  /** what it serves */
  folder: string
  accessLog: string
  port: number
}

/**
 * @param options.command writes the server's configuration and tells how it is started in the foreground
 * @param options.owner whom the server becomes when it is started by root
 */
export async function openWebdavServer(options: {
  command: (place: ServerPlace) => Promise<readonly string[]>
  owner?: { uid: number; gid: number } | undefined
  secure?: boolean
}): Promise<WebdavServer> {
  const owner = process.getuid?.() === 0 ? options.owner : undefined
  const work = await workFolder(owner && { owner })
  const folder = path.join(work.path, 'served')
  const accessLog = path.join(work.path, 'access.log')
  try {
    await mkdir(folder)
    if (owner !== undefined) await chown(folder, owner.uid, owner.gid)
    const server = await startServer((port) => options.command({ work: work.path, folder, accessLog, port }))
    return {
      url: `${options.secure === true ? 'https' : 'http'}://127.0.0.1:${server.port}/dav`,
      folder,
      accessLog,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]()
        await work[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await work[Symbol.asyncDispose]()
    throw error
  }
}

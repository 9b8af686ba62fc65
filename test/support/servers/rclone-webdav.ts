import { type Account, openWebdavServer, type WebdavServer } from './webdav-server.ts'

/** `rclone serve webdav` of a local folder. */
export async function rcloneWebdav({ account }: { account?: Account } = {}): Promise<WebdavServer> {
  return await openWebdavServer({
    command: ({ work, folder, port }) => {
      const credentials = account === undefined ? [] : ['--user', account.username, '--pass', account.password]
      const served = ['serve', 'webdav', folder, '--addr', `127.0.0.1:${port}`, '--baseurl', '/dav']
      // Nothing of the user's own rclone is read or written.
      const apart = ['--config', `${work}/rclone.conf`, '--cache-dir', `${work}/cache`]
      return Promise.resolve(['rclone', ...served, ...apart, ...credentials])
    },
  })
}

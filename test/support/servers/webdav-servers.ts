import { existsSync } from 'node:fs'
import { apacheWebdav } from './apache-webdav.ts'
import { nginxWebdav } from './nginx-webdav.ts'
import { rcloneWebdav } from './rclone-webdav.ts'
import type { Account, WebdavServer } from './webdav-server.ts'

export interface WebdavKind {
  name: string
  start(options?: { account?: Account }): Promise<WebdavServer>
  /** absent when it can be started here */
  whyNot: string | undefined
  /** Promises of the target contract it breaks whoever its client is, by the name of the case. */
  cannot: Readonly<Record<string, string>>
}

export const webdavKinds: readonly WebdavKind[] = [
  { name: 'Apache', start: apacheWebdav, whyNot: unless('/usr/sbin/apache2', 'no apache2'), cannot: {} },
  {
    name: 'nginx',
    start: nginxWebdav,
    whyNot: unless('/usr/sbin/nginx', 'no nginx') ?? unless('/usr/lib/nginx/modules/ngx_http_dav_ext_module.so', 'nginx has no module dav-ext'),
    cannot: { 'a name may begin with a dot': 'dav-ext of nginx lists no name that begins with a dot' },
  },
  {
    name: 'rclone',
    start: rcloneWebdav,
    whyNot: unless('/usr/bin/rclone', 'no rclone'),
    cannot: { 'while an object is replaced readers see the old one whole': 'rclone cannot list a collection that something is being stored in' },
  },
]

function unless(file: string, reason: string): string | undefined {
  return existsSync(file) ? undefined : reason
}

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Account, openWebdavServer, type TlsFiles, type WebdavServer } from './webdav-server.ts'

export interface NginxOptions {
  /** Without it everybody may do everything. */
  account?: Account
  tls?: TlsFiles
  /** further ones, for the location */
  directives?: readonly string[]
}

/** nginx with its own DAV module, and dav-ext for PROPFIND. */
export async function nginxWebdav({ account, tls, directives = [] }: NginxOptions = {}): Promise<WebdavServer> {
  return await openWebdavServer({
    secure: tls !== undefined,
    async command({ work, folder, port }) {
      const usersFile = path.join(work, 'users')
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${work}/temporary;`)
      const lines = [
        'load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;',
        'daemon off;',
        ...(process.getuid?.() === 0 ? ['user root;'] : []),
        'worker_processes 2;',
        `pid ${work}/nginx.pid;`,
        `error_log ${work}/error.log;`,
        'events { worker_connections 256; }',
        'http {',
        'access_log off;',
        ...temporary,
        'server {',
        `listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'};`,
        ...(tls === undefined ? [] : [`ssl_certificate ${tls.certificateFile};`, `ssl_certificate_key ${tls.keyFile};`]),
        'location /dav {',
        `alias ${folder};`,
        'dav_methods PUT DELETE MKCOL COPY MOVE;',
        'dav_ext_methods PROPFIND OPTIONS;',
        // The default refuses bodies of more than 1 MiB.
        'client_max_body_size 0;',
        ...(account === undefined ? [] : ['auth_basic backups;', `auth_basic_user_file ${usersFile};`]),
        ...directives,
        '}',
        '}',
        '}',
        '',
      ]
      if (account !== undefined)
        await writeFile(usersFile, `${account.username}:{SHA}${createHash('sha1').update(account.password).digest('base64')}\n`)
      await writeFile(`${work}/nginx.conf`, lines.join('\n'))
      return ['nginx', '-p', work, '-e', `${work}/error.log`, '-c', `${work}/nginx.conf`]
    },
  })
}

import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Account, openWebdavServer, type TlsFiles, type WebdavServer } from './webdav-server.ts'

const modules = [
  'mpm_event',
  'authn_core',
  'authn_file',
  'authz_core',
  'authz_user',
  'auth_basic',
  'auth_digest',
  'alias',
  'dir',
  'dav',
  'dav_fs',
  'ssl',
]
const realm = 'backups'
/** Debian's www-data: Apache does not work as root. */
const owner = { uid: 33, gid: 33 }

export interface ApacheOptions {
  /** Without it everybody may do everything. */
  account?: Account
  /** @default basic */
  scheme?: 'basic' | 'digest'
  tls?: TlsFiles
  /** further ones, for the collection */
  directives?: readonly string[]
}

/** Apache with mod_dav. */
export async function apacheWebdav({ account, scheme = 'basic', tls, directives = [] }: ApacheOptions = {}): Promise<WebdavServer> {
  return await openWebdavServer({
    owner,
    secure: tls !== undefined,
    async command({ work, folder, accessLog, port }) {
      const usersFile = path.join(work, 'users')
      const lines = [
        ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
        ...(process.getuid?.() === 0 ? [`User #${owner.uid}`, `Group #${owner.gid}`] : []),
        'ServerName localhost',
        `Listen 127.0.0.1:${port}`,
        `PidFile ${work}/apache.pid`,
        `Mutex file:${work} default`,
        `ErrorLog ${work}/error.log`,
        // Whose syntax `appearancesInApache` reads; a line is written when its request is done.
        `CustomLog ${accessLog} "%m %>s %U %{Destination}i"`,
        `DavLockDB ${work}/locks`,
        ...(tls === undefined ? [] : ['SSLEngine on', `SSLCertificateFile ${tls.certificateFile}`, `SSLCertificateKeyFile ${tls.keyFile}`]),
        `Alias /dav ${folder}`,
        '<Location /dav>',
        'Dav On',
        ...(account === undefined ? ['Require all granted'] : [...authentication(scheme, usersFile), 'Require valid-user']),
        ...directives,
        '</Location>',
        '',
      ]
      if (account !== undefined) await writeFile(usersFile, userLine(account, scheme))
      await writeFile(`${work}/apache.conf`, lines.join('\n'))
      return ['apache2', '-d', work, '-f', `${work}/apache.conf`, '-DFOREGROUND']
    },
  })
}

function authentication(scheme: 'basic' | 'digest', usersFile: string): string[] {
  const both = [`AuthName "${realm}"`, `AuthUserFile ${usersFile}`]
  return scheme === 'basic' ? ['AuthType Basic', 'AuthBasicProvider file', ...both] : ['AuthType Digest', 'AuthDigestProvider file', ...both]
}

/** As htpasswd -s and htdigest write it. */
function userLine({ username, password }: Account, scheme: 'basic' | 'digest'): string {
  if (scheme === 'basic') return `${username}:{SHA}${createHash('sha1').update(password).digest('base64')}\n`
  return `${username}:${realm}:${createHash('md5').update(`${username}:${realm}:${password}`).digest('hex')}\n`
}

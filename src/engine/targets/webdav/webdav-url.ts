import { BastionError } from '../../../core/errors.ts'
import { configSchema } from '../../../protocol/driver-description.ts'
import { targetDescriptions, type TargetConfigOf } from '../../../protocol/target-descriptions.ts'

/**
 * `webdav+https://user:password@host:port/dir`, or `webdav+http`. What the URL's user part does not say stands in `BASTION_WEBDAV_USERNAME` and `_PASSWORD`.
 * @param shown the URL as messages may show it
 * @throws invalid_spec, which holds no credential
 */
export function parseWebdavUrl(text: string, shown: string, env: NodeJS.ProcessEnv): TargetConfigOf<'webdav'> {
  const refused = (reason: string): BastionError =>
    new BastionError('invalid_spec', `${shown} is no WebDAV address, which is written webdav+https://host/dir: ${reason}.`)
  const address = text.slice('webdav+'.length)
  if (!URL.canParse(address)) throw refused('it cannot be read as a URL')
  const url = new URL(address)
  if (url.search !== '' || url.hash !== '') throw refused('"?" and "#" are written %3F and %23')
  // A password with a bare "/" in it would be taken for a path, and shown.
  if (url.username === '' && url.port !== '' && url.pathname.includes('@')) throw refused('"@" is written %40, and "/" in a password %2F')
  const config = configSchema(targetDescriptions.webdav).safeParse({
    type: 'webdav',
    base_url: url.origin + url.pathname,
    username: decoded(url.username) || env['BASTION_WEBDAV_USERNAME'] || undefined,
    password: decoded(url.password) || env['BASTION_WEBDAV_PASSWORD'] || undefined,
  })
  if (!config.success) throw refused(config.error.issues.map(({ message }) => message).join(', '))
  return config.data
}

/** A bare "%" stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

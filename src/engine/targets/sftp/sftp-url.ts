import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { BastionError } from '../../../core/errors.ts'
import { configSchema } from '../../../protocol/driver-description.ts'
import { targetDescriptions, type TargetConfigOf } from '../../../protocol/target-descriptions.ts'

/** Options that may stand behind the `?`; none of them is a secret. */
const queryOptions = ['host_key', 'timeout_s']

/** Whether a query may be shown: somebody may take it for the place of a password. */
export function isOpenSftpQuery(query: string): boolean {
  return query.split('&').every((part) => queryOptions.some((name) => part.startsWith(`${name}=`)))
}

/**
 * `sftp://user@host:port/folder?host_key=SHA256:…`; the folder is absolute, or `/~/folder` from where the account starts. Besides the URL's own user
 * part and query, `BASTION_SFTP_USERNAME`, `_PASSWORD`, `_KEY_FILE`, `_KEY_PASSPHRASE` and `_HOST_KEY` count, and `SSH_AUTH_SOCK`.
 * @param shown the URL as messages may show it
 * @throws invalid_spec, which holds no credential
 */
export function parseSftpUrl(text: string, shown: string, baseDir: string, env: NodeJS.ProcessEnv): TargetConfigOf<'sftp'> {
  const { host, path, username, password, port, query } = partsOf(text, shown)
  const config = {
    type: 'sftp',
    host,
    ...(port !== '' && { port: Number(port) }),
    username: username || env['BASTION_SFTP_USERNAME'] || userInfo().username,
    path,
    ...given('host_key', query.get('host_key') ?? env['BASTION_SFTP_HOST_KEY']),
    ...given('private_key', readKeyFile(env['BASTION_SFTP_KEY_FILE'], baseDir)),
    ...given('passphrase', env['BASTION_SFTP_KEY_PASSPHRASE']),
    ...given('agent_socket', env['SSH_AUTH_SOCK']),
    ...given('password', password || env['BASTION_SFTP_PASSWORD']),
    ...(query.has('timeout_s') && { timeout_s: Number(query.get('timeout_s')) }),
  }
  const parsed = configSchema(targetDescriptions.sftp).safeParse(config)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BastionError('invalid_spec', `${shown}: ${issue!.path.join('.')}: ${issue!.message}.`)
}

function partsOf(text: string, shown: string) {
  try {
    const url = new URL(text)
    if (url.hash !== '') throw new Error('"#" is written %23')
    const path = decodeURIComponent(url.pathname).replace(/(?<=.)\/+$/, '')
    if (!path.startsWith('/')) throw new Error('it names no folder')
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
      path: /^\/~(\/|$)/.test(path) ? path.slice('/~/'.length) || '.' : path,
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      query: queryOf(url.search),
    }
  } catch (error) {
    // Without the cause: it holds the text as it was given.
    const reason = error instanceof URIError ? 'a "%" is written %25' : error instanceof TypeError ? 'it is no URL' : (error as Error).message
    throw new BastionError('invalid_spec', `${shown} is no place on a server, which is written sftp://user@host/folder: ${reason}.`)
  }
}

/** Not as a web form writes it, where "+" is a space: fingerprints have it. */
function queryOf(search: string): Map<string, string> {
  const query = new Map<string, string>()
  for (const part of search.slice(1).split('&')) {
    if (part === '') continue
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(part)!
    if (!queryOptions.includes(name!)) throw new Error(`behind "?" stand ${queryOptions.join(' and ')}`)
    query.set(name!, decodeURIComponent(value!))
  }
  return query
}

function given<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  return value === undefined || value === '' ? {} : ({ [name]: value } as Record<Name, string>)
}

function readKeyFile(file: string | undefined, baseDir: string): string | undefined {
  if (file === undefined || file === '') return undefined
  try {
    return readFileSync(resolve(baseDir, file), 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new BastionError('invalid_spec', `The key file ${file} of BASTION_SFTP_KEY_FILE cannot be read (${code ?? 'unknown'}).`, { cause: error })
  }
}

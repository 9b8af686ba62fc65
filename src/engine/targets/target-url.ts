import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BastionError } from '../../core/errors.ts'
import type { TargetConfig } from '../../protocol/target-descriptions.ts'
import { isOpenS3Query, parseS3Url } from './s3/s3-url.ts'
import { isOpenSftpQuery, parseSftpUrl } from './sftp/sftp-url.ts'
import { parseWebdavUrl } from './webdav/webdav-url.ts'

const ways = 'a folder (/backups, ./backups), file:///backups, webdav+https://host/dir, s3://bucket/prefix, sftp://user@host/folder or memory:'

/**
 * The target a person named: `/backups`, `backups` (against `baseDir`), `file:///backups`, `webdav+https://host/dir`, `s3://bucket/prefix?endpoint=…`,
 * `sftp://user@host/folder`, `memory:`.
 * @param baseDir absolute; where the person stood
 * @param env of the process, for what a URL should not hold: credentials
 * @throws invalid_spec when it is none of them; the message holds no credential
 */
export function parseTarget(text: string, baseDir: string, env: NodeJS.ProcessEnv = {}): TargetConfig {
  if (text === '') throw new BastionError('invalid_spec', `No target is given; it is ${ways}.`)
  if (text.includes('\0')) throw new BastionError('invalid_spec', 'A target holds no NUL.')
  if (text === 'memory:') return { type: 'memory' }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) return { type: 'local_dir', path: resolve(baseDir, pathOf(text)) }
  if (scheme === 'file') return { type: 'local_dir', path: pathOfFileUrl(text) }
  if (scheme === 'webdav+https' || scheme === 'webdav+http') return parseWebdavUrl(text, redactTarget(text), env)
  if (scheme === 'sftp') return parseSftpUrl(text, redactTarget(text), baseDir, env)
  if (scheme === 's3') return parseS3Url(text, redactTarget(text), env)
  const meant = scheme === 'http' || scheme === 'https' ? ` Is webdav+${scheme}:// meant?` : ''
  throw new BastionError('invalid_spec', `${redactTarget(text)} names no kind of target; it is ${ways}.${meant}`)
}

/** `user@host:dir` and `s3:bucket` are other programs' ways to name a remote place: a folder of that name here would be no backup at all. */
function pathOf(text: string): string {
  if (!/^[^/]*:/.test(text)) return text
  throw new BastionError('invalid_spec', `${redactTarget(text)} is not ${ways}. For a folder of this very name put ./ before it.`)
}

function pathOfFileUrl(text: string): string {
  try {
    const url = new URL(text)
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') throw new Error('"?" and "#" are written %3F and %23')
    const path = fileURLToPath(url)
    if (path.includes('\0')) throw new Error('a path holds no NUL')
    return resolve(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    // Without the cause: it holds the text as it was given.
    throw new BastionError('invalid_spec', `${redactTarget(text)} is no folder of this machine, which is written file:///backups: ${reason}.`)
  }
}

/**
 * A TARGET (or ARTIFACT) as it may be shown and logged, its user part replaced: `sftp://***@host/dir`. When in doubt too much is hidden: a bare
 * `/`, `?` or `#` in a password makes a URL whose password cannot be told from its path, so all up to the last `@` goes; and what follows a bucket's or a server's
 * `?` goes when it is not only what we know to be open.
 */
export function redactTarget(text: string): string {
  const shown = hideUserPart(text)
  const [, scheme, query] = /^(s3|sftp):\/\/[^?]*\?(.*?)(?:@latest)?$/is.exec(shown) ?? []
  if (scheme === undefined || query === undefined) return shown
  const isOpen = scheme.toLowerCase() === 's3' ? isOpenS3Query(query) : isOpenSftpQuery(query)
  return isOpen ? shown : `${shown.slice(0, shown.indexOf('?'))}?***`
}

function hideUserPart(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length)
  const firstSegment = /^[^/?#]*/.exec(rest)![0]
  // A folder's path may hold any of these signs, and a bucket's or host's path an "@".
  if (!(scheme === '' ? /:/ : /[:@]/).test(firstSegment)) return text
  const at = rest.replace(/@latest$/, '').lastIndexOf('@')
  return at < 0 ? text : `${scheme}***${rest.slice(at)}`
}

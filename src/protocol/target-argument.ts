import type { Job } from './job-spec.ts'

/** A job's target as commands take it, without credentials: `/backups`, `webdav+https://host/dir`, `s3://bucket/prefix?endpoint=…`, `sftp://user@host/folder`. */
export function targetArgument(target: Job['target']): string {
  switch (target.type) {
    case 'local_dir':
      return target.path
    case 'webdav':
      return `webdav+${target.base_url}`
    case 's3': {
      const { bucket, prefix, endpoint, region, path_style } = target
      const given = [
        ...(endpoint === undefined ? [] : [`endpoint=${encodeURIComponent(endpoint)}`]),
        ...(region === undefined ? [] : [`region=${encodeURIComponent(region)}`]),
        ...(path_style === undefined ? [] : [`path_style=${path_style}`]),
      ]
      return `s3://${[bucket, ...(prefix === undefined || prefix === '' ? [] : prefix.split('/').map(encodeURIComponent))].join('/')}${given.length === 0 ? '' : `?${given.join('&')}`}`
    }
    case 'sftp': {
      const { host, port, username, path } = target
      const place = host.includes(':') ? `[${host}]` : host
      const folder = path.startsWith('/') ? path : `/~/${path}`
      return `sftp://${encodeURIComponent(username)}@${place}${port === undefined || port === 22 ? '' : `:${port}`}${folder.split('/').map(encodeURIComponent).join('/')}`
    }
  }
}

/** As a shell takes it in one piece. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

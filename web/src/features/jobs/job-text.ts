import type { Job } from '../../../../src/protocol/job-spec.ts'

/** The absolute paths a job reads; those that are not chosen yet are left out. */
export function sourcePaths({ source }: Pick<Job, 'source'>): string[] {
  switch (source.type) {
    case 'filesystem':
      return source.paths
    case 'sqlite':
      return [source.path].filter((path) => path !== '')
    case 'vaultwarden':
      return [source.data_dir].filter((path) => path !== '')
  }
}

/** What a job reads, as one line. */
export function sourceText(job: Pick<Job, 'source'>): string {
  return sourcePaths(job).join(', ')
}

/** Where a job stores, as one line: as the command line names targets, without credentials. */
export function targetText({ target }: Pick<Job, 'target'>): string {
  switch (target.type) {
    case 'local_dir':
      return target.path
    case 'webdav':
      return target.base_url
    case 's3':
      return `s3://${[target.bucket, target.prefix].filter(Boolean).join('/')}`
    case 'sftp':
      return `sftp://${target.host}${target.path.startsWith('/') ? '' : '/'}${target.path}`
  }
}

export const targetIcons = {
  local_dir: 'i-lucide-hard-drive',
  webdav: 'i-lucide-cloud',
  s3: 'i-lucide-container',
  sftp: 'i-lucide-server',
} as const

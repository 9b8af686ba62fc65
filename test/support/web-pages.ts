import type { SampleConsole } from './web-sample.ts'

/** Every page of the web interface, as it is looked at by axe and in screenshots: a name, an address, and what shows that it is there. */
export function webPages({ ids }: Pick<SampleConsole, 'ids'>): { name: string; path: string; isThere: string }[] {
  return [
    { name: 'overview', path: '/', isThere: 'h1' },
    { name: 'jobs', path: '/jobs', isThere: `text=${ids.jobName}` },
    { name: 'runs', path: '/runs', isThere: `text=${ids.jobName}` },
    { name: 'job', path: `/jobs/${ids.jobId}`, isThere: 'dl' },
    { name: 'job-runs', path: `/jobs/${ids.jobId}?tab=runs`, isThere: 'table tbody a' },
    { name: 'job-retention', path: `/jobs/${ids.jobId}?tab=retention`, isThere: 'table tbody th' },
    { name: 'job-brakes', path: `/jobs/${ids.failingJobId}?tab=retention`, isThere: 'text=The last runs failed' },
    { name: 'job-proof', path: `/jobs/${ids.jobId}?tab=proof`, isThere: 'table tbody a' },
    { name: 'job-settings', path: `/jobs/${ids.jobId}?tab=settings`, isThere: 'pre' },
    { name: 'job-new', path: '/jobs/new', isThere: '#part-source' },
    { name: 'job-edit', path: `/jobs/${ids.jobId}/edit`, isThere: '#part-source' },
    { name: 'first-backup', path: '/first-backup', isThere: 'ol' },
    { name: 'run', path: `/runs/${ids.runId}`, isThere: 'text=files stored' },
    { name: 'run-failed', path: `/runs/${ids.failedRunId}`, isThere: 'text=does not exist' },
    { name: 'run-files', path: `/runs/${ids.runId}/files?path=${encodeURIComponent(ids.source.slice(1))}`, isThere: 'text=onerror' },
    { name: 'compare', path: `/runs/${ids.lastRunId}/compare`, isThere: 'text=Added' },
    { name: 'incomplete', path: '/maintenance/incomplete', isThere: 'text=Nothing was left behind' },
    { name: 'index-rebuild', path: '/maintenance/index', isThere: 'form' },
    { name: 'restore', path: `/runs/${ids.runId}/restore`, isThere: 'text=files, ' },
    { name: 'operations', path: '/operations', isThere: 'table tbody a' },
    { name: 'operation', path: `/operations/${ids.drillId}`, isThere: 'text=everything came back' },
    { name: 'targets', path: '/targets', isThere: `text="${ids.target}"` },
    { name: 'recovery-sheet', path: '/keys/default/sheet', isThere: 'form' },
    { name: 'snapshots', path: '/snapshots', isThere: `text=${ids.jobName}` },
    { name: 'snapshot', path: `/snapshots?open=${ids.stuckJobId}/${ids.stuckRunId}`, isThere: '[role=dialog] ol' },
    { name: 'job-snapshots', path: `/jobs/${ids.jobId}?tab=snapshots`, isThere: 'table tbody a' },
    { name: 'deletes', path: '/maintenance/deletes', isThere: 'text=Old laptop' },
    { name: 'leases', path: '/maintenance/leases', isThere: 'text=No source snapshots' },
    { name: 'settings', path: '/settings', isThere: 'form' },
    { name: 'account', path: '/account', isThere: 'table tbody tr' },
    { name: 'nowhere', path: '/no/such/page', isThere: 'h1' },
  ]
}

import type { Feature } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

export const jobsFeature: Feature = {
  routes: [
    { path: '/jobs', name: 'jobs', component: () => import('./job-list-page.vue'), meta: { title: 'jobs.title' } },
    { path: '/jobs/new', name: 'new-job', component: () => import('./editor/job-editor-page.vue'), meta: { title: 'jobs.new' } },
    {
      path: '/jobs/:id',
      name: 'job',
      component: () => import('./job-page.vue'),
      meta: { title: 'jobs.one', keyOf: ({ params }) => `job ${String(params['id'])}` },
    },
    {
      path: '/jobs/:id/edit',
      name: 'edit-job',
      component: () => import('./editor/job-editor-page.vue'),
      meta: { title: 'jobs.one', keyOf: ({ params }) => `edit ${String(params['id'])}` },
    },
    {
      path: '/first-backup',
      name: 'first-backup',
      component: () => import('./editor/first-backup-page.vue'),
      meta: { title: 'jobs.firstBackup.title' },
    },
  ],
  nav: [{ to: '/jobs', title: 'jobs.title', icon: 'i-lucide-database-backup', group: 'main' }],
  live: {
    topics: ['jobs'],
    take(message, cache) {
      if (message.type !== 'job.changed') return
      for (const key of [['jobs'], ['job', message.job_id], ['overview']]) invalidateSoon(cache, key)
    },
    resumed(cache) {
      for (const noun of ['jobs', 'job', 'overview']) invalidateSoon(cache, [noun])
    },
  },
  palette: {
    title: 'app.jobs',
    async offer({ client }) {
      const { items } = await client.jobs.list({ query: { limit: 200 } })
      return items.map(({ id, name }) => ({ label: name, suffix: id, icon: 'i-lucide-database-backup', to: `/jobs/${id}` }))
    },
  },
}

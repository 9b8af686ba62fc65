import type { Feature } from '../../app/feature.ts'
import { firstEventsQuery, runQuery } from './run-query.ts'
import { runsLive } from './runs-live.ts'

export const runsFeature: Feature = {
  routes: [
    { path: '/runs', name: 'runs', component: () => import('./run-list-page.vue'), meta: { title: 'runs.title' } },
    {
      path: '/runs/:id',
      name: 'run',
      component: () => import('./run-page.vue'),
      meta: {
        title: 'runs.one',
        keyOf: ({ params }) => `run ${String(params['id'])}`,
        ahead: ({ params }, client, cache) => {
          const id = String(params['id'])
          return [cache.query(runQuery(client, id)), cache.query(firstEventsQuery(client, id))]
        },
      },
    },
    {
      path: '/runs/:id/files',
      name: 'run-files',
      component: () => import('./run-files-page.vue'),
      meta: { title: 'runs.files.title', keyOf: ({ params }) => `files ${String(params['id'])}` },
    },
  ],
  nav: [{ to: '/runs', title: 'runs.title', icon: 'i-lucide-activity', group: 'main' }],
  live: runsLive,
  palette: {
    title: 'app.runs',
    async offer({ client }) {
      const [{ items: runs }, { items: jobs }] = await Promise.all([
        client.runs.list({ query: { limit: 20 } }),
        client.jobs.list({ query: { limit: 200 } }),
      ])
      const names = new Map(jobs.map(({ id, name }) => [id, name]))
      return runs.map(({ id, job_id, status }) => ({
        label: `${names.get(job_id) ?? job_id} · ${status}`,
        suffix: id,
        icon: 'i-lucide-activity',
        to: `/runs/${id}`,
      }))
    },
  },
}

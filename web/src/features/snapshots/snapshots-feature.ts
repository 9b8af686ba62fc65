import type { Feature } from '../../app/feature.ts'
import { snapshotsLive } from './snapshots-live.ts'

export const snapshotsFeature: Feature = {
  routes: [
    {
      path: '/runs/:id/compare',
      name: 'compare',
      component: () => import('./compare-page.vue'),
      meta: { title: 'snapshots.compare.title', keyOf: ({ params }) => `compare ${String(params['id'])}` },
    },
    { path: '/snapshots', name: 'snapshots', component: () => import('./snapshot-list-page.vue'), meta: { title: 'snapshots.title' } },
  ],
  nav: [{ to: '/snapshots', title: 'snapshots.title', icon: 'i-lucide-archive-restore', group: 'main' }],
  live: snapshotsLive,
}

import type { Feature } from '../../app/feature.ts'
import { operationsLive } from './operations-live.ts'

export const operationsFeature: Feature = {
  routes: [
    { path: '/operations', name: 'operations', component: () => import('./operation-list-page.vue'), meta: { title: 'operations.title' } },
    {
      path: '/operations/:id',
      name: 'operation',
      component: () => import('./operation-page.vue'),
      meta: { title: 'operations.one', keyOf: ({ params }) => `operation ${String(params['id'])}` },
    },
    {
      path: '/runs/:id/restore',
      name: 'restore',
      component: () => import('./restore/restore-page.vue'),
      meta: { title: 'operations.restore.title', keyOf: ({ params }) => `restore ${String(params['id'])}` },
    },
  ],
  nav: [{ to: '/operations', title: 'operations.title', icon: 'i-lucide-life-buoy', group: 'main' }],
  live: operationsLive,
}

import type { Feature } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

export const maintenanceFeature: Feature = {
  routes: [
    { path: '/maintenance/deletes', name: 'deletes', component: () => import('./delete-queue-page.vue'), meta: { title: 'maintenance.deletes' } },
    {
      path: '/maintenance/incomplete',
      name: 'incomplete',
      component: () => import('./incomplete-page.vue'),
      meta: { title: 'maintenance.incomplete.title' },
    },
    { path: '/maintenance/index', name: 'index', component: () => import('./index-rebuild-page.vue'), meta: { title: 'maintenance.index.title' } },
  ],
  nav: [
    { to: '/maintenance/deletes', title: 'maintenance.deletes', icon: 'i-lucide-trash-2', group: 'system' },
    { to: '/maintenance/incomplete', title: 'maintenance.incomplete.title', icon: 'i-lucide-eraser', group: 'system' },
    { to: '/maintenance/index', title: 'maintenance.index.title', icon: 'i-lucide-folder-sync', group: 'system', role: 'admin' },
  ],
  live: {
    topics: ['artifacts'],
    take(message, cache) {
      if (message.type === 'artifact.changed') invalidateSoon(cache, ['holds'])
    },
    resumed(cache) {
      invalidateSoon(cache, ['holds'])
    },
  },
}

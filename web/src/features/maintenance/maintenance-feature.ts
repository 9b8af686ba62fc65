import type { Feature } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

export const maintenanceFeature: Feature = {
  routes: [
    { path: '/maintenance/deletes', name: 'deletes', component: () => import('./delete-queue-page.vue'), meta: { title: 'maintenance.deletes' } },
  ],
  nav: [{ to: '/maintenance/deletes', title: 'maintenance.deletes', icon: 'i-lucide-trash-2', group: 'system' }],
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

import type { Feature } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

export const overviewFeature: Feature = {
  routes: [{ path: '/', name: 'overview', component: () => import('./overview-page.vue'), meta: { title: 'overview.title' } }],
  nav: [{ to: '/', title: 'overview.title', icon: 'i-lucide-gauge', group: 'main' }],
  live: {
    topics: ['nodes'],
    take: (_, cache) => invalidateSoon(cache, ['nodes']),
    resumed: (cache) => invalidateSoon(cache, ['nodes']),
  },
}

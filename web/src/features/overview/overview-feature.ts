import type { Feature } from '../../app/feature.ts'

export const overviewFeature: Feature = {
  routes: [{ path: '/', name: 'overview', component: () => import('./overview-page.vue'), meta: { title: 'overview.title' } }],
  nav: [{ to: '/', title: 'overview.title', icon: 'i-lucide-gauge', group: 'main' }],
}

import type { Feature } from '../../app/feature.ts'

export const leasesFeature: Feature = {
  routes: [{ path: '/maintenance/leases', name: 'leases', component: () => import('./leases-page.vue'), meta: { title: 'leases.title' } }],
  nav: [{ to: '/maintenance/leases', title: 'leases.title', icon: 'i-lucide-camera', group: 'system' }],
}

import type { Feature } from '../../app/feature.ts'

export const settingsFeature: Feature = {
  routes: [{ path: '/settings', name: 'settings', component: () => import('./settings-page.vue'), meta: { title: 'settings.title' } }],
  nav: [{ to: '/settings', title: 'settings.title', icon: 'i-lucide-settings', group: 'system' }],
}

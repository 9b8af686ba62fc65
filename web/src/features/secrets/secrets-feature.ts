import type { Feature } from '../../app/feature.ts'

export const secretsFeature: Feature = {
  routes: [
    { path: '/targets', name: 'targets', component: () => import('./targets-page.vue'), meta: { title: 'secrets.title' } },
    {
      path: '/keys/:name/sheet',
      name: 'recovery-sheet',
      component: () => import('./recovery-sheet-page.vue'),
      meta: { title: 'secrets.sheet.one', keyOf: ({ params }) => `sheet ${String(params['name'])}` },
    },
  ],
  nav: [{ to: '/targets', title: 'secrets.title', icon: 'i-lucide-hard-drive', group: 'system', role: 'operator' }],
}

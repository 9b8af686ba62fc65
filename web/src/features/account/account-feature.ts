import type { Feature } from '../../app/feature.ts'

export const accountFeature: Feature = {
  routes: [
    { path: '/set-up', name: 'set-up', component: () => import('./set-up-page.vue'), meta: { title: 'account.setUp.title', isPublic: true } },
    { path: '/sign-in', name: 'sign-in', component: () => import('./sign-in-page.vue'), meta: { title: 'account.signIn.title', isPublic: true } },
    { path: '/account', name: 'account', component: () => import('./account-page.vue'), meta: { title: 'account.title' } },
  ],
}

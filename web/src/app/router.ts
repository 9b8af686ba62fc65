import { createRouter, createWebHistory, type Router } from 'vue-router'
import { hasCode } from '../../../src/core/errors.ts'
import { features } from './features.ts'
import type { Services } from './services.ts'

/** Pages of all features. Whoever is not signed in comes to the sign-in page, or where a Hub is made ready, and from there back. */
export function createAppRouter({ client, session }: Pick<Services, 'client' | 'session'>): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      ...features.flatMap(({ routes = [] }) => routes),
      { path: '/:anything(.*)*', name: 'nowhere', component: () => import('./not-found-page.vue'), meta: { title: 'app.notFound' } },
    ],
  })
  router.beforeEach(async (to) => {
    if (to.meta.isPublic || session.user.value !== null) return true
    try {
      session.begin(await client.auth.session())
      return true
    } catch (error) {
      if (!hasCode(error, 'not_signed_in')) return { name: 'sign-in', query: { to: to.fullPath } }
      const { initialized } = await client.setup.status()
      return initialized ? { name: 'sign-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } } : { name: 'set-up' }
    }
  })
  return router
}

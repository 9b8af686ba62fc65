import type { QueryClient } from '@tanstack/vue-query'
import { createRouter, createWebHistory, loadRouteLocation, type Router } from 'vue-router'
import { hasCode } from '../../../src/core/errors.ts'
import { features } from './features.ts'
import type { Services } from './services.ts'

/** Pages of all features. Whoever is not signed in comes to the sign-in page, or where a Hub is made ready, and from there back. */
export function createAppRouter({ client, session }: Pick<Services, 'client' | 'session'>, cache: QueryClient): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      ...features.flatMap(({ routes = [] }) => routes),
      { path: '/:anything(.*)*', name: 'nowhere', component: () => import('./not-found-page.vue'), meta: { title: 'app.notFound' } },
    ],
  })
  router.beforeEach(async (to) => {
    // What does not come is asked for again by the page, which shows why.
    for (const asked of to.meta.ahead?.(to, client, cache) ?? []) asked.catch(() => undefined)
    if (to.meta.isPublic || session.user.value !== null) return true
    // The code of the page comes while the Hub says who asks for it. Should it not come, the router finds that out for itself.
    loadRouteLocation(to).catch(() => undefined)
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

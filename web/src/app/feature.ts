import type { RouteLocationNormalizedLoaded, RouteRecordRaw } from 'vue-router'
import type { QueryClient } from '@tanstack/vue-query'
import type { Client } from '../../../src/client/client.ts'
import type { Role } from '../../../src/core/role.ts'
import type { LiveMessage, LiveTopic } from '../../../src/protocol/live-messages.ts'
import type { Services } from './services.ts'
import type { TextKey } from './texts.ts'

/** What a folder of features/ gives to the app: `features.ts` lists them in the order of the sidebar. */
export interface Feature {
  /** pages are imported lazily: `component: () => import('./job-list-page.vue')` */
  routes?: RouteRecordRaw[]
  nav?: NavEntry[]
  /** what the command palette offers of it */
  palette?: PaletteOffer
  /** what it keeps up to date of the query cache while somebody is signed in */
  live?: LiveInterest
}

/** A line of the sidebar, and of the command palette. */
export interface NavEntry {
  to: string
  title: TextKey
  /** of lucide, such as `i-lucide-database-backup` */
  icon: string
  /** `main`: what one looks at; `system`: what one sets up */
  group: 'main' | 'system'
  /** who sees it; everybody when absent */
  role?: Role
}

export interface PaletteOffer {
  title: TextKey
  /** asked each time the palette is opened; `suffix` is searched too */
  offer(services: Services): Promise<{ label: string; suffix?: string; icon: string; to: string }[]>
}

export interface LiveInterest {
  topics: LiveTopic[]
  take(message: LiveMessage, cache: QueryClient): void
  /** Something may have happened while nobody listened, which is not told again: the connection was gone, or was not there yet. */
  resumed(cache: QueryClient): void
}

declare module 'vue-router' {
  interface RouteMeta {
    /** of the page, in the browser's tab and the top bar */
    title?: TextKey
    /** may be seen by whoever is not signed in, and stands without sidebar */
    isPublic?: true
    /** asks for what the page shows first, while its code comes; the page finds it in the cache */
    ahead?: (route: RouteLocationNormalizedLoaded, client: Client, cache: QueryClient) => Promise<unknown>[]
    /** of pages that begin anew when this changes, such as another run; by their name when absent */
    keyOf?: (route: RouteLocationNormalizedLoaded) => string
  }
}

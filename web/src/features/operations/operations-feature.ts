import type { InfiniteData, QueryClient } from '@tanstack/vue-query'
import type { Operation } from '../../../../src/core/operation.ts'
import type { OperationDetail } from '../../../../src/protocol/operation-spec.ts'
import type { Feature } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

type OperationPages = InfiniteData<{ items: Operation[]; next_cursor: string | null }>

export const operationsFeature: Feature = {
  routes: [
    { path: '/operations', name: 'operations', component: () => import('./operation-list-page.vue'), meta: { title: 'operations.title' } },
    {
      path: '/operations/:id',
      name: 'operation',
      component: () => import('./operation-page.vue'),
      meta: { title: 'operations.one', keyOf: ({ params }) => `operation ${String(params['id'])}` },
    },
    {
      path: '/runs/:id/restore',
      name: 'restore',
      component: () => import('./restore/restore-page.vue'),
      meta: { title: 'operations.restore.title', keyOf: ({ params }) => `restore ${String(params['id'])}` },
    },
  ],
  nav: [{ to: '/operations', title: 'operations.title', icon: 'i-lucide-life-buoy', group: 'main' }],
  live: {
    topics: ['operations'],
    take(message, cache) {
      if (message.type === 'operation.changed') {
        const { operation } = message
        if (!patchOperation(cache, operation.id, operation)) invalidateSoon(cache, ['operations'])
        if (operation.ended_at !== null) invalidateSoon(cache, ['operation', operation.id])
      } else if (message.type === 'operation.progress') {
        patchOperation(cache, message.operation_id, { progress: message.progress })
      }
    },
    resumed(cache) {
      for (const noun of ['operations', 'operation']) invalidateSoon(cache, [noun])
    },
  },
}

/** Changes it wherever it is shown. @returns whether every list has it */
function patchOperation(cache: QueryClient, id: string, changed: Partial<Operation>): boolean {
  cache.setQueryData<OperationDetail>(['operation', id], (before) => before && { ...before, ...changed })
  let isInAll = true
  for (const [key, lists] of cache.getQueriesData<OperationPages>({ queryKey: ['operations'] })) {
    if (lists === undefined) continue
    if (!lists.pages.some(({ items }) => items.some((each) => each.id === id))) isInAll = false
    else {
      const pages = lists.pages.map((page) => ({ ...page, items: page.items.map((each) => (each.id === id ? { ...each, ...changed } : each)) }))
      cache.setQueryData<OperationPages>(key, { ...lists, pages })
    }
  }
  return isInAll
}

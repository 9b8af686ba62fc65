import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/vue-query'
import type { ListedArtifact } from '../../../../src/protocol/artifact-listing.ts'
import type { LiveInterest } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'
import { type ArtifactFilter, fitsFilter } from './artifact-filter.ts'

type ArtifactPages = InfiniteData<{ items: ListedArtifact[]; next_cursor: string | null }>

/** Artifacts are changed in place, and leave lists they no longer belong to; a list that should show one and does not is asked for again. */
export const snapshotsLive: LiveInterest = {
  topics: ['artifacts'],
  take(message, cache) {
    if (message.type !== 'artifact.changed') return
    const { artifact } = message
    cache.setQueryData<ListedArtifact>(['artifact', artifact.run_id], (before) => before && artifact)
    invalidateSoon(cache, ['delete-task', artifact.run_id])
    for (const [key, pages] of cache.getQueriesData<ArtifactPages>({ queryKey: ['artifacts'] })) {
      if (pages !== undefined) keepList(cache, key, pages, artifact)
    }
  },
  resumed(cache) {
    for (const noun of ['artifacts', 'artifact', 'delete-task']) invalidateSoon(cache, [noun])
  },
}

function keepList(cache: QueryClient, key: QueryKey, { pages, pageParams }: ArtifactPages, artifact: ListedArtifact): void {
  const fits = fitsFilter(key[1] as ArtifactFilter, artifact)
  const isListed = pages.some(({ items }) => items.some(({ run_id }) => run_id === artifact.run_id))
  if (fits && !isListed) invalidateSoon(cache, key)
  if (!isListed) return
  const changed = (items: ListedArtifact[]) => items.flatMap((each) => (each.run_id !== artifact.run_id ? [each] : fits ? [artifact] : []))
  cache.setQueryData<ArtifactPages>(key, { pages: pages.map((page) => ({ ...page, items: changed(page.items) })), pageParams })
}

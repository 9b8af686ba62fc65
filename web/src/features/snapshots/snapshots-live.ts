import type { QueryKey } from '@tanstack/vue-query'
import type { ListedArtifact } from '../../../../src/protocol/artifact-listing.ts'
import type { LiveInterest } from '../../app/feature.ts'
import { addRow, dropRow, hasRow, type KeysetPages, patchRow } from '../../components/list/keyset-pages.ts'
import { changeLists } from '../../live/change-lists.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'
import { type ArtifactFilter, fitsFilter } from './artifact-filter.ts'
import type { ArtifactSort } from './use-artifact-columns.ts'

/** Artifacts are changed in place, and come to lists they belong to and leave those they do not. */
export const snapshotsLive: LiveInterest = {
  topics: ['artifacts'],
  take(message, cache) {
    if (message.type !== 'artifact.changed') return
    const { artifact } = message
    cache.setQueryData<ListedArtifact>(['artifact', artifact.run_id], (before) => before && artifact)
    invalidateSoon(cache, ['delete-task', artifact.run_id])
    changeLists<ListedArtifact>(cache, 'artifacts', (list, key) => keepIn(list, key, artifact))
  },
  resumed(cache) {
    for (const noun of ['artifacts', 'artifact', 'delete-task']) invalidateSoon(cache, [noun])
  },
}

/** @param key `['artifacts', filter, sort, order]` */
function keepIn(list: KeysetPages<ListedArtifact>, [, filter, sort, order]: QueryKey, artifact: ListedArtifact): KeysetPages<ListedArtifact> {
  const isIt = ({ run_id }: ListedArtifact) => run_id === artifact.run_id
  if (!fitsFilter(filter as ArtifactFilter, artifact)) return dropRow(list, isIt)
  if (hasRow(list, isIt)) return patchRow(list, isIt, () => artifact)
  const by = sort as ArtifactSort
  const isLater = (one: ListedArtifact, other: ListedArtifact) => one[by] > other[by] || (one[by] === other[by] && one.run_id > other.run_id)
  return addRow(list, artifact, (one, other) => (order === 'asc' ? isLater(other, one) : isLater(one, other)))
}

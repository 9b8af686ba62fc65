import { computed } from 'vue'
import type { ListedArtifact } from '../../../../src/protocol/artifact-listing.ts'
import { useTexts } from '../../app/texts.ts'
import type { ListColumn } from '../../components/list/list-column.ts'

/** By what the Hub sorts, by the key of the column. */
export const sortOfColumn = { time: 'ended_at', stored: 'stored_bytes', source: 'source_bytes' } as const
export type ArtifactSort = (typeof sortOfColumn)[keyof typeof sortOfColumn]

/** Columns of lists of artifacts; that of the job only where there are several. */
export function useArtifactColumns({ withJob }: { withJob: boolean }) {
  const { t } = useTexts()
  return computed<ListColumn<ListedArtifact>[]>(() => [
    ...(withJob ? [{ key: 'job', title: t('snapshots.column.job'), isFixed: true }] : []),
    {
      key: 'time',
      title: t('snapshots.column.time'),
      width: '8rem',
      narrowWidth: withJob ? '6.5rem' : 'auto',
      isFixed: true,
      sortBy: ({ ended_at }) => ended_at,
    },
    { key: 'state', title: t('snapshots.column.state'), width: '9rem', narrowWidth: '8.5rem', isFixed: true },
    { key: 'task', title: t('snapshots.column.task'), width: '13rem', from: '2xl' },
    { key: 'grade', title: t('snapshots.column.grade'), width: '8.5rem', from: 'md' },
    { key: 'stored', title: t('snapshots.column.stored'), width: '6.5rem', align: 'end', from: 'sm', sortBy: ({ stored_bytes }) => stored_bytes },
    { key: 'source', title: t('snapshots.column.source'), width: '6.5rem', align: 'end', from: 'xl', sortBy: ({ source_bytes }) => source_bytes },
    { key: 'files', title: t('snapshots.column.files'), width: '6rem', align: 'end', from: '2xl' },
    { key: 'format', title: t('snapshots.column.format'), width: '8.5rem', from: 'xl' },
    { key: 'target', title: t('snapshots.column.target'), ...(withJob ? { width: '14rem' } : {}), from: withJob ? 'xl' : 'md' },
    { key: 'node', title: t('snapshots.column.node'), width: '8rem', isExtra: true },
    { key: 'id', title: t('snapshots.column.id'), width: '9rem', isExtra: true },
    { key: 'pinned', title: t('snapshots.column.pinned'), width: '5.5rem', align: 'end', from: 'sm', isFixed: true },
  ])
}

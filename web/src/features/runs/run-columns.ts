import { computed } from 'vue'
import type { Run } from '../../../../src/core/run.ts'
import { useTexts } from '../../app/texts.ts'
import type { ListColumn } from '../../components/list/list-column.ts'

/** Columns of lists of runs; that of the job only where there are several. */
export function useRunColumns({ withJob }: { withJob: boolean }) {
  const { t } = useTexts()
  return computed<ListColumn<Run>[]>(() => [
    { key: 'state', title: t('runs.column.state'), width: withJob ? '7.5rem' : '10rem', narrowWidth: withJob ? '6.75rem' : 'auto', isFixed: true },
    ...(withJob ? [{ key: 'job', title: t('runs.column.job'), isFixed: true }] : []),
    { key: 'warning', title: t('runs.column.warning'), width: '12rem', narrowWidth: '7.75rem' },
    { key: 'grade', title: t('runs.column.grade'), width: '8.5rem', from: 'md' },
    { key: 'started', title: t('runs.column.started'), width: '8.5rem', narrowWidth: '6.5rem' },
    { key: 'duration', title: t('runs.column.duration'), width: '7rem', align: 'end', from: 'sm' },
    { key: 'bytes', title: t('runs.column.bytes'), width: '7rem', align: 'end', from: 'lg' },
    { key: 'stored', title: t('runs.column.stored'), width: '7rem', align: 'end', from: 'xl' },
    { key: 'files', title: t('runs.column.files'), width: '7rem', align: 'end', isExtra: true },
    { key: 'node', title: t('runs.column.node'), width: '9.5rem', isExtra: true },
    { key: 'id', title: t('runs.column.id'), width: '9rem', isExtra: true },
  ])
}

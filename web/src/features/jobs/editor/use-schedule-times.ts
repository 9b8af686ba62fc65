import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { cronSchema } from '../../../../../src/core/schedule.ts'
import type { JobSpec } from '../../../../../src/protocol/job-spec.ts'
import { useServices } from '../../../app/services.ts'

/** The next ten times of a schedule while it is written; none while it is not right yet. */
export function useScheduleTimes(draft: Pick<JobSpec, 'schedule' | 'schedule_timezone'>) {
  const { client } = useServices()
  const isDue = computed(() => draft.schedule !== null && cronSchema.safeParse(draft.schedule).success)
  const { data: times } = useQuery({
    queryKey: computed(() => ['schedule', draft.schedule, draft.schedule_timezone]),
    queryFn: () => client.schedule.preview({ body: { schedule: draft.schedule!, schedule_timezone: draft.schedule_timezone, count: 10 } }),
    enabled: isDue,
  })
  return { isDue, times }
}

import { useQuery } from '@tanstack/vue-query'
import { computed } from 'vue'
import { useServices } from '../../app/services.ts'

export const dayCount = 30
const dayMs = 24 * 3600_000

/** How the runs of each job went on each of thirty days, today the last. `since` is midnight here, and moves on at the next one. */
export function useRunDays() {
  const { client, clock } = useServices()
  const since = computed(() => {
    const day = new Date(clock.now.value)
    day.setHours(0, 0, 0, 0)
    return day.setDate(day.getDate() - dayCount + 1)
  })
  const { data } = useQuery({
    queryKey: computed(() => ['overview', 'days', since.value]),
    queryFn: () => client.overview.days({ query: { since: since.value } }),
  })
  return {
    days: computed(() => data.value?.days ?? []),
    /** at noon, so that no change of clocks makes it another day */
    noonOf: (day: number): number => since.value + (day + 0.5) * dayMs,
  }
}

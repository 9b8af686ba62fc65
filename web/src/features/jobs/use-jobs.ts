import { useQuery } from '@tanstack/vue-query'
import { type MaybeRefOrGetter, computed, toValue } from 'vue'
import { useServices } from '../../app/services.ts'
import { allPages } from '../../components/list/use-keyset-list.ts'

/** Every job, active ones or those that are archived. */
export function useJobs(archived: MaybeRefOrGetter<boolean> = false) {
  const { client } = useServices()
  return useQuery({
    queryKey: computed(() => ['jobs', toValue(archived) ? 'archived' : 'active']),
    queryFn: () => allPages((cursor) => client.jobs.list({ query: { limit: 200, cursor, archived: toValue(archived) ? 'true' : 'false' } })),
  })
}

import { useQuery } from '@tanstack/vue-query'
import { type MaybeRefOrGetter, computed, toValue } from 'vue'
import { listJobs } from '../../../../src/client/list-jobs.ts'
import { useServices } from '../../app/services.ts'

/** Every job, active ones or those that are archived. */
export function useJobs(archived: MaybeRefOrGetter<boolean> = false) {
  const { client } = useServices()
  return useQuery({
    queryKey: computed(() => ['jobs', toValue(archived) ? 'archived' : 'active']),
    queryFn: () => listJobs(client, toValue(archived)),
  })
}

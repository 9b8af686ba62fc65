import { useQuery } from '@tanstack/vue-query'
import { computed, type MaybeRefOrGetter, toValue } from 'vue'
import { useServices } from '../../app/services.ts'

/** One job; none while its id is not known. */
export function useJob(jobId: MaybeRefOrGetter<string | undefined>) {
  const { client } = useServices()
  return useQuery({
    queryKey: computed(() => ['job', toValue(jobId)]),
    queryFn: () => client.jobs.get({ params: { id: toValue(jobId)! } }),
    enabled: computed(() => toValue(jobId) !== undefined),
  })
}

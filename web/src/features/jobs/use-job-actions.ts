import { useToast } from '@nuxt/ui/composables'
import { useQueryClient } from '@tanstack/vue-query'
import { useRouter } from 'vue-router'
import type { Job } from '../../../../src/protocol/job-spec.ts'
import { useServices } from '../../app/services.ts'
import { useTexts } from '../../app/texts.ts'
import { useFailureToast } from '../../components/use-failure-toast.ts'

/** What can be done with a job from any list. What fails is told in a corner of the page. */
export function useJobActions() {
  const { client } = useServices()
  const { t } = useTexts()
  const toast = useToast()
  const router = useRouter()
  const cache = useQueryClient()
  const { orTell } = useFailureToast()

  const refresh = (jobId: string) => Promise.all([['jobs'], ['job', jobId], ['overview']].map((queryKey) => cache.invalidateQueries({ queryKey })))

  return {
    async run({ id, name }: Pick<Job, 'id' | 'name'>, { quietly = false } = {}): Promise<void> {
      const started = await orTell(client.jobs.run({ params: { id } }))
      if (started === undefined) return
      if (quietly) return
      toast.add({
        title: t(`jobs.runResult.${started.result}`, { name }),
        icon: 'i-lucide-play',
        color: started.result === 'rejected' ? 'warning' : 'success',
        actions: [{ label: t('jobs.watch'), color: 'neutral', variant: 'outline', onClick: () => void router.push(`/runs/${started.run_id}`) }],
      })
    },
    async archive({ id, name }: Pick<Job, 'id' | 'name'>, { deletesBackups = false } = {}): Promise<void> {
      const query = { delete_artifacts: deletesBackups ? ('true' as const) : ('false' as const) }
      if ((await orTell(client.jobs.archive({ params: { id }, query }))) === undefined) return
      toast.add({ title: t('jobs.archived', { name }), icon: 'i-lucide-archive', color: 'neutral' })
      await refresh(id)
    },
    /** `fate`: what becomes of its backups, where it has any */
    async remove({ id, name }: Pick<Job, 'id' | 'name'>, fate?: 'keep' | 'delete'): Promise<'removed' | 'removing' | undefined> {
      const answer = await orTell(client.jobs.remove({ params: { id }, query: { artifacts: fate } }))
      if (answer === undefined) return undefined
      toast.add({ title: t(`jobs.${answer.result}`, { name }), icon: 'i-lucide-trash-2', color: 'neutral' })
      await refresh(id)
      return answer.result
    },
    async unarchive({ id }: Pick<Job, 'id'>): Promise<void> {
      await orTell(client.jobs.unarchive({ params: { id } }))
      await refresh(id)
    },
  }
}

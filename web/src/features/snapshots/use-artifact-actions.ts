import { useToast } from '@nuxt/ui/composables'
import { useQueryClient } from '@tanstack/vue-query'
import type { ListedArtifact } from '../../../../src/protocol/artifact-listing.ts'
import { useServices } from '../../app/services.ts'
import { useTexts } from '../../app/texts.ts'
import { useFailureToast } from '../../components/use-failure-toast.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

type Named = Pick<ListedArtifact, 'job_id' | 'run_id'>

/** What can be done with artifacts from any list. What fails is told in a corner of the page. */
export function useArtifactActions() {
  const { client } = useServices()
  const { t } = useTexts()
  const toast = useToast()
  const cache = useQueryClient()
  const { orTell } = useFailureToast()

  const paramsOf = ({ job_id, run_id }: Named) => ({ params: { id: job_id, run_id } })
  function refresh() {
    for (const noun of ['artifacts', 'artifact', 'delete-task']) invalidateSoon(cache, [noun])
  }

  return {
    async pin(artifacts: readonly Named[], isPinned: boolean): Promise<void> {
      let count = 0
      for (const artifact of artifacts) {
        const call = isPinned ? client.artifacts.pin(paramsOf(artifact)) : client.artifacts.unpin(paramsOf(artifact))
        if ((await orTell(call)) === undefined) break
        count += 1
      }
      refresh()
      if (count === 0) return
      toast.add({
        title: t(isPinned ? 'snapshots.wasPinned' : 'snapshots.wasUnpinned', { count }),
        icon: isPinned ? 'i-lucide-pin' : 'i-lucide-pin-off',
        color: 'neutral',
      })
    },
    async remove(artifacts: readonly Named[], force: boolean): Promise<void> {
      const counts = new Map<string, number>()
      for (const [jobId, runIds] of byJob(artifacts)) {
        const answer = await orTell(client.artifacts.deleteMany({ params: { id: jobId }, body: { run_ids: runIds, force } }))
        for (const { result } of answer?.items ?? []) counts.set(result, (counts.get(result) ?? 0) + 1)
      }
      refresh()
      if (counts.size === 0) return
      const results = (['queued', 'already', 'pinned', 'newest_good', 'unwanted', 'not_found'] as const).flatMap((result) =>
        counts.has(result) ? [t(`snapshots.remove.result.${result}`, { count: counts.get(result)! })] : [],
      )
      const isWhole = [...counts.keys()].every((result) => result === 'queued')
      toast.add({ title: results[0]!, description: results.slice(1).join('; '), icon: 'i-lucide-trash-2', color: isWhole ? 'neutral' : 'warning' })
    },
    async retryNow(artifact: Named): Promise<void> {
      await orTell(client.artifacts.retryNow(paramsOf(artifact)))
      refresh()
    },
    async ignore(artifact: Named): Promise<void> {
      await orTell(client.artifacts.ignore(paramsOf(artifact)))
      refresh()
    },
    async unignore(artifact: Named): Promise<void> {
      await orTell(client.artifacts.unignore(paramsOf(artifact)))
      refresh()
    },
  }
}

function byJob(artifacts: readonly Named[]): Map<string, string[]> {
  const jobs = new Map<string, string[]>()
  for (const { job_id, run_id } of artifacts) {
    const known = jobs.get(job_id)
    if (known === undefined) jobs.set(job_id, [run_id])
    else known.push(run_id)
  }
  return jobs
}

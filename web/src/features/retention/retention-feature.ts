import type { Feature } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

const nouns = ['retention', 'retention-preview', 'brakes']

/** Retention is a tab of each job; its brakes stand on the first page too. */
export const retentionFeature: Feature = {
  live: {
    topics: ['jobs', 'artifacts'],
    take(message, cache) {
      if (message.type === 'retention.changed') {
        invalidateSoon(cache, ['brakes'])
        for (const noun of ['retention', 'retention-preview']) invalidateSoon(cache, message.job_id === null ? [noun] : [noun, message.job_id])
      } else if (message.type === 'job.changed') {
        for (const noun of ['retention', 'retention-preview']) invalidateSoon(cache, [noun, message.job_id])
      } else if (message.type === 'artifact.changed') {
        invalidateSoon(cache, ['retention-preview', message.artifact.job_id])
      }
    },
    resumed(cache) {
      for (const noun of nouns) invalidateSoon(cache, [noun])
    },
  },
}

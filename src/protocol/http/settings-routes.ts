import { z } from 'zod'
import { retentionPolicySchema } from '../../core/retention.ts'
import { describeRoutes } from './route.ts'

/** What may be changed while the Hub runs. */
export const settingsSchema = z.strictObject({
  /** how many runs a node carries out at a time */
  runs_per_node: z.int().min(1).max(8).default(2),
  /** what jobs keep that have no policy of their own */
  default_retention: retentionPolicySchema.prefault({}),
  /** how long runs are remembered whose artifact is gone */
  run_history_days: z.int().min(1).max(36_500).default(180),
  /** what a run has left that never became an artifact is removed when nothing has happened in it for so long */
  incomplete_after_days: z.int().min(1).max(36_500).default(7),
})
export type Settings = z.infer<typeof settingsSchema>

export const settingsRoutes = describeRoutes({
  get: { method: 'GET', path: '/settings', summary: 'The settings of this Hub', access: 'viewer', answer: { status: 200, json: settingsSchema } },
  replace: {
    method: 'PUT',
    path: '/settings',
    summary: 'Change the settings; they hold at once',
    access: 'admin',
    body: settingsSchema,
    answer: { status: 200, json: settingsSchema },
  },
})

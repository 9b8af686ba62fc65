import { z } from 'zod'
import { formatSchema } from '../../core/artifact.ts'
import { gradeSchema } from '../../core/grade.ts'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { jobTargetSchema } from '../../protocol/job-spec.ts'
import type { Databases } from './databases.ts'
import { readJson, writeJson } from './json-column.ts'

const totalsSchema = z.record(z.string(), z.number())
const recipientsSchema = z.array(z.string())

/** What is known of the stored output of a successful run. Stands for itself: the job may write elsewhere by now. */
export const artifactRecordSchema = z.object({
  run_id: runIdSchema,
  job_id: jobIdSchema,
  /** the node that stored it */
  node_id: z.string(),
  status: z.enum(['present', 'deleting', 'deleted', 'missing', 'error']),
  /** where it was stored: the job's target of that time, without credentials */
  target_snapshot: jobTargetSchema,
  target_id: z.string(),
  manifest_hash: z.string(),
  artifact_format: formatSchema,
  /** age recipients; none means not encrypted */
  recipients: recipientsSchema,
  grade: gradeSchema,
  holes: z.int().nonnegative(),
  totals: totalsSchema,
  /** as its node's clock said */
  completed_at: timestampSchema,
  /** as the Hub's clock said when it was told */
  ended_at: timestampSchema,
})
export type ArtifactRecord = z.infer<typeof artifactRecordSchema>

export interface ArtifactStore {
  insert(artifact: ArtifactRecord): Promise<void>
  get(runId: string): Promise<ArtifactRecord | null>
}

export function createArtifactStore({ read, write }: Databases): ArtifactStore {
  return {
    async insert({ target_snapshot, totals, recipients, ...plain }) {
      await write
        .insertInto('run_artifacts')
        .values({
          ...plain,
          target_type: target_snapshot.type,
          target_snapshot: writeJson(jobTargetSchema, target_snapshot),
          totals: writeJson(totalsSchema, totals),
          recipients: writeJson(recipientsSchema, recipients),
        })
        .execute()
    },
    async get(runId) {
      const row = await read.selectFrom('run_artifacts').selectAll().where('run_id', '=', runId).executeTakeFirst()
      if (row === undefined) return null
      return artifactRecordSchema.parse({
        ...row,
        target_snapshot: readJson(jobTargetSchema, row.target_snapshot),
        totals: readJson(totalsSchema, row.totals),
        recipients: readJson(recipientsSchema, row.recipients),
      })
    },
  }
}

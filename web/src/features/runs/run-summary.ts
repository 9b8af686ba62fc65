import { z } from 'zod'
import { consistencyReportSchema } from '../../../../src/core/consistency.ts'
import { coverageItemSchema } from '../../../../src/core/coverage.ts'
import { issuesSchema, type RunDetail, storedArtifactSchema } from '../../../../src/core/run.ts'
import { snapshotSummarySchema } from '../../../../src/core/source-snapshot.ts'
import { captureReportSchema } from '../../../../src/core/sqlite-capture.ts'

const sourceSchema = z.object({
  snapshot: snapshotSummarySchema.optional(),
  consistency: consistencyReportSchema.optional(),
  coverage: z.array(coverageItemSchema).optional(),
  sqlite: captureReportSchema.optional(),
})
const summarySchema = z.object({
  filesystem: sourceSchema.optional(),
  vaultwarden: sourceSchema.optional(),
  sqlite: sourceSchema.optional(),
  artifact: storedArtifactSchema.optional(),
  issues: issuesSchema.optional(),
  data_path: z.object({ decisions: z.array(z.object({ what: z.string(), choice: z.string(), why: z.string() })) }).optional(),
})

/** What the end of a run said, as far as this page knows it; the rest is in the raw JSON. */
export function runSummary({ summary }: Pick<RunDetail, 'summary'>) {
  const { data } = summarySchema.safeParse(summary ?? {})
  const source = data?.filesystem ?? data?.vaultwarden ?? data?.sqlite
  return { ...source, artifact: data?.artifact, issues: data?.issues, decisions: data?.data_path?.decisions ?? [] }
}

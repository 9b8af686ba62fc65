import { z } from 'zod'
import { consistencyReportSchema } from './consistency.ts'
import { coverageItemSchema } from './coverage.ts'
import { issuesSchema, runSchema, storedArtifactSchema } from './run.ts'
import { snapshotSummarySchema } from './source-snapshot.ts'
import { captureReportSchema } from './sqlite-capture.ts'

/** How a source was read. */
export const sourceSummarySchema = z.looseObject({
  snapshot: known(snapshotSummarySchema),
  consistency: known(consistencyReportSchema),
  coverage: known(z.array(coverageItemSchema)),
  sqlite: known(captureReportSchema),
})

/** What the end of a run said, the source under its type. The store keeps all of it as it came; a part of another shape than these is not told. */
export const runSummarySchema = z.looseObject({
  filesystem: known(sourceSummarySchema),
  sqlite: known(sourceSummarySchema),
  vaultwarden: known(sourceSummarySchema),
  artifact: known(storedArtifactSchema),
  issues: known(issuesSchema),
})

/** A run alone: with what its end said. */
export const runDetailSchema = runSchema.extend({ summary: runSummarySchema.nullable() })
export type RunDetail = z.infer<typeof runDetailSchema>

function known<Schema extends z.ZodType>(schema: Schema) {
  return schema.optional().catch(undefined)
}

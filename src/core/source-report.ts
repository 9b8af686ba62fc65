import { z } from 'zod'
import { type CoverageItem, coverageItemSchema } from './coverage.ts'

const reportSchema = z.object({
  coverage: z.array(coverageItemSchema).default([]),
  consistency: z.object({ read_error_total: z.number().default(0) }).prefault({}),
})
const summarySchema = z.object({ filesystem: reportSchema.optional(), sqlite: reportSchema.optional(), vaultwarden: reportSchema.optional() })

/** What the summary of a run says of how its source was read, whatever source it was. A summary that says nothing of it has nothing to tell. */
export function sourceReportOf(summary: unknown): { coverage: CoverageItem[]; readErrors: number } {
  const { filesystem, sqlite, vaultwarden } = summarySchema.safeParse(summary).data ?? {}
  const report = filesystem ?? sqlite ?? vaultwarden
  return { coverage: report?.coverage ?? [], readErrors: report?.consistency.read_error_total ?? 0 }
}

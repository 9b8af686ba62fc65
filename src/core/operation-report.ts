import { z } from 'zod'

const count = z.int().nonnegative()
/** how many in all, and the first of them */
const counted = z.object({ total: count, sample: z.array(z.string()) })

/** What is wrong with an artifact: the object (or, where it stands for itself, the file) and what it is. */
export const damageSchema = z.object({ total: count, sample: z.array(z.object({ object: z.string(), message: z.string() })) })
export type Damage = z.infer<typeof damageSchema>

export const restoreReportSchema = z.object({
  kind: z.literal('restore'),
  /** where it went: a directory of the node, or a target as it is named to people */
  destination: z.string(),
  restored: z.object({ files: count, dirs: count, links: count, others: count, bytes: count }),
  skipped: count,
  renamed: count,
  /** sockets: they exist only while their program runs */
  not_restorable: count,
  /** what a target has no place for */
  not_held: z.object({ dirs: count, links: count, others: count }).optional(),
  conflicts: counted,
  failed: counted,
  damaged: counted,
  /** entries whose content is back but not all of their metadata */
  metadata: z.object({ owner: count, mode: count, mtime: count, xattrs: count, owners_restored: z.boolean() }),
  duration_ms: count,
})

const checkedOf = z.object({ expected: count, checked: count })

export const verifyReportSchema = z.object({
  kind: z.literal('verify'),
  level: z.enum(['chain', 'sample', 'full']),
  ok: z.boolean(),
  objects: checkedOf,
  entries: checkedOf.extend({ bytes: count }),
  damaged: damageSchema,
  duration_ms: count,
})

/** Evidence: what was proven of an artifact, by bringing it back. */
export const drillReportSchema = z.object({
  kind: z.literal('drill'),
  /** everything was there, had its hash when it was read again, and passed what was asked of it */
  proven: z.boolean(),
  manifest_hash: z.string(),
  /** how long bringing it back took, from the first byte to the last name */
  restore_ms: count,
  /** with all that was looked at afterwards */
  duration_ms: count,
  restored: z.object({ files: count, dirs: count, links: count, others: count, bytes: count }),
  /** entries of the artifact, and those that were found again as they were */
  entries: checkedOf.extend({ bytes: count }),
  /** SQLite databases among the files, and what is wrong with some of them */
  sqlite: z.object({ found: count, ok: count, failed: z.array(z.object({ path: z.string(), message: z.string() })) }),
  /** what a program needs to run on it */
  recipe: z.object({ name: z.string(), checks: z.array(z.object({ name: z.string(), ok: z.boolean(), message: z.string() })) }).nullable(),
  damaged: damageSchema,
})
export type DrillReport = z.infer<typeof drillReportSchema>

export const operationReportSchema = z.discriminatedUnion('kind', [restoreReportSchema, verifyReportSchema, drillReportSchema])
export type OperationReport = z.infer<typeof operationReportSchema>

import { z } from 'zod'
import { hooksSchema } from './hooks.ts'
import { snapshotModeSchema } from './source-snapshot.ts'
import { sqliteCaptureSchema } from './sqlite-capture.ts'

export const symlinkPolicySchema = z.enum(['keep', 'follow', 'skip'])
export const hardlinkPolicySchema = z.enum(['keep', 'copy'])
export type HardlinkPolicy = z.infer<typeof hardlinkPolicySchema>

/** `fail_fast` stops at the first unreadable file, `skip_fail` reads on to report all of them and then fails, `skip_ok` stores the rest and warns. */
export const errorPolicySchema = z.enum(['fail_fast', 'skip_fail', 'skip_ok'])
export type ErrorPolicy = z.infer<typeof errorPolicySchema>

/** The source `filesystem` of a job. */
export const filesystemSourceSchema = z.object({
  type: z.literal('filesystem'),
  /** absolute logical paths */
  paths: z.array(z.string().regex(/^\//, 'a source path is absolute')).min(1).max(1000),
  include: z.array(z.string().min(1)).default([]),
  exclude: z.array(z.string().min(1)).default([]),
  symlink_policy: symlinkPolicySchema.default('keep'),
  /** absent: keep, or copy where the target could only note that two names are one file */
  hardlink_policy: hardlinkPolicySchema.optional(),
  error_policy: errorPolicySchema.default('fail_fast'),
  one_file_system: z.boolean().default(false),
  pre_scan: z.boolean().default(true),
  snapshot_mode: snapshotModeSchema.default('auto'),
  snapshot_provider: z.string().optional(),
  consistency_policy: z.enum(['warn', 'fail', 'ignore']).default('warn'),
  consistency_fail_threshold: z.number().int().nonnegative().default(0),
  sqlite_capture: sqliteCaptureSchema.default('auto'),
  hooks: hooksSchema.optional(),
})
export type FilesystemSource = z.infer<typeof filesystemSourceSchema>

import { z } from 'zod'

/**
 * How one mount, subvolume or dataset at or below a source path was read.
 * `hole`: its files are not in the artifact though they should be. `excluded`: left out by a rule. `own`: Bastion's own data or a target.
 */
export const coverageReadSchema = z.enum(['snapshot', 'live', 'excluded', 'own', 'hole'])

export const coverageItemSchema = z.object({
  /** logical path, absolute */
  path: z.string(),
  /** filesystem type and what identifies it, such as `ext4:/dev/vda` */
  unit: z.string(),
  read: coverageReadSchema,
  reason: z.string().optional(),
})
export type CoverageItem = z.infer<typeof coverageItemSchema>

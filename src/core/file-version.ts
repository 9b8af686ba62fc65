import { z } from 'zod'
import { entryKinds, entrySchema } from './entry.ts'
import { failureSchema } from './run.ts'

/** Artifacts that are asked for it together: each has to be opened. */
export const mostVersionsAtOnce = 100

const { size, hash, mtime_ns, sparse, grade } = entrySchema.shape

/**
 * What one artifact holds at a path. `file`: hard links followed, the content's size and hash are told of every name · `other`: something without content has the name there ·
 * `unreadable`: the artifact could not be asked, so that nothing is known.
 */
export const fileVersionSchema = z.discriminatedUnion('state', [
  /** `grade`: absent where it is the artifact's */
  z.object({ state: z.literal('file'), size: size.unwrap(), hash, mtime_ns, sparse, grade }),
  z.object({ state: z.literal('other'), kind: z.enum(entryKinds) }),
  z.object({ state: z.literal('absent') }),
  z.object({ state: z.literal('unreadable'), error: failureSchema }),
])
export type FileVersion = z.infer<typeof fileVersionSchema>

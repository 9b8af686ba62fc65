import { z } from 'zod'

const count = z.int().nonnegative()

/** What a restore would do. */
export const restorePreviewSchema = z.object({
  files: count,
  dirs: count,
  links: count,
  others: count,
  /** sockets */
  not_restorable: count,
  bytes: count,
  /** of room, when what is in the way is dealt with as the policy says */
  needed_bytes: count,
  /** null where nobody can say: on a server */
  free_bytes: count.nullable(),
  fits: z.boolean().nullable(),
  conflicts: z.object({
    total: count,
    sample: z.array(
      z.object({
        path: z.string(),
        path_b64: z.base64().optional(),
        /** what is there; `blocked`: something on the way to it is no directory */
        existing: z.enum(['file', 'directory', 'link', 'special', 'blocked']),
        /** `left`: it stays, and the entry is told as a conflict. `renamed`: the entry gets a name beside it */
        outcome: z.enum(['ends_restore', 'skipped', 'renamed', 'replaced', 'left']),
      }),
    ),
    /** false: only some places were looked at, for a server is asked for each */
    looked_at_all: z.boolean(),
  }),
})
export type RestorePreview = z.infer<typeof restorePreviewSchema>

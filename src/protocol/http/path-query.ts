import { z } from 'zod'

/** The bytes of a path that is no UTF-8, as its entry has them. */
export const pathBytes = z.base64().max(6000).optional()

/** A file of an artifact, without the leading "/". */
export const pathQuery = { path: z.string().min(1).max(4096), path_b64: pathBytes }

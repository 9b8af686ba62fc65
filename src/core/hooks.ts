import { z } from 'zod'

/** A program and its arguments, each as the program gets it: no shell reads them. The program is named by its absolute path. */
export const hookCommandSchema = z
  .array(z.string().max(4096))
  .min(1)
  .max(100)
  .refine(([program]) => program?.startsWith('/') === true, 'a hook names its program by an absolute path')

const hookShape = {
  command: hookCommandSchema,
  /** after so many seconds it is ended, and has failed */
  timeout_s: z.int().min(1).max(3600).default(60),
}

/** Commands around the reading of a source, such as a container stopped and started. A node runs only those that its own configuration allows. */
export const hooksSchema = z.object({
  before: z.object({ ...hookShape, on_failure: z.enum(['fail', 'warn']).default('fail') }).optional(),
  /** also after a failure, and when the run was canceled */
  after: z.object({ ...hookShape, on_failure: z.enum(['fail', 'warn']).default('warn') }).optional(),
})
export type Hooks = z.infer<typeof hooksSchema>
export type Hook = NonNullable<Hooks['after']>

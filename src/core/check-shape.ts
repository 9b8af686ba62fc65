import { z } from 'zod'

type CheckedShape<T> = { success: true; data: T } | { success: false; error: z.ZodError }

/**
 * `schema.safeParse` of what somebody else wrote. zod measures whatever has a `length` before it refuses it for being neither text nor a list, and throws where that length is no number
 * and cannot be made one.
 */
export function checkShape<T>(schema: z.ZodType<T>, value: unknown): CheckedShape<T> {
  try {
    const { success, data, error } = schema.safeParse(value)
    return success ? { success, data } : { success, error }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { success: false, error: new z.ZodError([{ code: 'custom', path: [], message: 'a length is not a number', input: value }]) }
  }
}

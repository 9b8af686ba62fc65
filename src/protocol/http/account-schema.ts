import { z } from 'zod'
import { roles } from '../../core/role.ts'
import { timestampSchema } from '../../core/timestamp.ts'

export const usernameSchema = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u, 'a user name is 1 to 64 letters, digits, ".", "_", "@" and "-"')
/** What is shorter can be guessed; what is longer than this is no password and only costs time to hash. */
export const newPasswordSchema = z.string().min(10, 'a password has at least 10 characters').max(1024)
export const passwordSchema = z.string().min(1).max(1024)

export const userSchema = z.object({ id: z.string(), username: z.string(), role: z.enum(roles) })

/** Every call that changes something repeats `csrf_token` in the header `x-csrf-token`. */
export const signedInSchema = z.object({ user: userSchema, csrf_token: z.string() })
export type SignedIn = z.infer<typeof signedInSchema>

export const sessionSchema = z.object({
  id: z.string(),
  /** the one this call was made with */
  current: z.boolean(),
  created_at: timestampSchema,
  last_seen_at: timestampSchema,
  expires_at: timestampSchema,
  /** as the browser told it, and where it spoke from when it signed in */
  user_agent: z.string(),
  address: z.string(),
})

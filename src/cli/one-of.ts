import { BastionError } from '../core/errors.ts'

/** The value of an option that names one of a few. @param name of the option, with its dashes @throws invalid_spec */
export function oneOf<Value extends string>(
  name: string,
  schema: { options: Value[]; optional(): { safeParse(value: unknown): { success: boolean; data?: Value | undefined } } },
  value: string | undefined,
): Value | undefined {
  const parsed = schema.optional().safeParse(value)
  if (!parsed.success) throw new BastionError('invalid_spec', `${name} is one of ${schema.options.join(', ')}`)
  return parsed.data
}

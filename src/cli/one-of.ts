import { BastionError } from '../core/errors.ts'

interface Choices<Value extends string> {
  options: Value[]
  safeParse(value: unknown): { success: boolean; data?: Value | undefined }
}

/** The value of an option that names one of a few. @param name of the option, with its dashes @throws invalid_spec */
export function oneOf<Value extends string>(name: string, schema: Choices<Value>, value: string): Value
export function oneOf<Value extends string>(name: string, schema: Choices<Value>, value: string | undefined): Value | undefined
export function oneOf<Value extends string>(name: string, schema: Choices<Value>, value: string | undefined): Value | undefined {
  if (value === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new BastionError('invalid_spec', `${name} is one of ${schema.options.join(', ')}`)
  return parsed.data
}

import { BastionError } from '../core/errors.ts'
import type { Credentials } from '../protocol/run-plan.ts'
import { type TargetConfig, targetConfigSchema } from '../protocol/target-descriptions.ts'

/** What a driver is opened with, put together from what may be shown and what may not. @throws invalid_spec, without a value in it */
export function targetConfig(target: Readonly<Record<string, unknown>>, credentials: Credentials): TargetConfig {
  const parsed = targetConfigSchema.safeParse({ ...target, ...credentials })
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new BastionError('invalid_spec', `the target is not valid: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}

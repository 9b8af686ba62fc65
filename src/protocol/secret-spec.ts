import { z } from 'zod'
import type { OptionDescriptions } from './driver-description.ts'
import { type JobTargetKind, jobTargetKinds } from './job-spec.ts'
import { targetDescriptions } from './target-descriptions.ts'

type SecretKind = Exclude<JobTargetKind, 'local_dir'>

/** The secret options of a kind of target: what a secret of this kind may hold. */
function secretFieldsOf(kind: JobTargetKind): [name: string, schema: z.ZodType][] {
  const options: OptionDescriptions = targetDescriptions[kind].options
  return Object.entries(options).flatMap(([name, option]) => (option.secret === true ? [[name, option.schema]] : []))
}

/** Kinds of target that have something to keep secret. */
export const secretKinds = jobTargetKinds.filter((kind) => secretFieldsOf(kind).length > 0) as [SecretKind, ...SecretKind[]]
export const secretKindSchema = z.enum(secretKinds)

function valuesSchemaOf(kind: SecretKind) {
  const fields = Object.fromEntries(secretFieldsOf(kind).map(([name]) => [name, z.string().min(1).max(100_000).optional()]))
  return z.strictObject(fields).refine((values) => Object.values(values).some((value) => value !== undefined), 'a secret holds at least one value')
}

/** The names a secret of this kind may have values for. */
export function secretOptionsOf(kind: SecretKind): string[] {
  return secretFieldsOf(kind).map(([name]) => name)
}

/** A secret as it is posted: the secret options of a driver, by name. */
export const secretInputSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('webdav'), values: valuesSchemaOf('webdav') }),
  z.object({ kind: z.literal('s3'), values: valuesSchemaOf('s3') }),
  z.object({ kind: z.literal('sftp'), values: valuesSchemaOf('sftp') }),
])
export type SecretInput = z.infer<typeof secretInputSchema>

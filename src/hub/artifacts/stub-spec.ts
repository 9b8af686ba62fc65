import type { z } from 'zod'
import type { Format } from '../../core/artifact.ts'
import { checkShape } from '../../core/check-shape.ts'
import type { indexHeaderSchema } from '../../core/entry.ts'
import { keyNameSchema } from '../../core/job.ts'
import { pipelineSpecSchema } from '../../core/pipeline-spec.ts'
import { sourceSchema } from '../../core/source.ts'
import { jobSpecSchema, type JobSpec, type JobTarget } from '../../protocol/job-spec.ts'

/**
 * What can be said of a job by what its artifacts say of it, to be kept archived: it has no schedule. Where nobody can read what they say its source is a path that is nowhere, so that a
 * run of it stores nothing; and what was encrypted stays so.
 */
export function stubSpec(known: {
  jobId: string
  nodeId: string
  target: JobTarget
  job: z.infer<typeof indexHeaderSchema>['job'] | undefined
  format: Format
  isEncrypted: boolean
}): JobSpec {
  const { jobId, nodeId, target, job } = known
  const source = checkShape(sourceSchema, job?.spec['source'])
  const name = (job?.name ?? '').trim().slice(0, 200)
  return jobSpecSchema.parse({
    name: name === '' ? jobId : name,
    node_id: nodeId,
    source: source.success ? source.data : { type: 'filesystem', paths: [`/the-source-of-${jobId}-is-not-known`] },
    pipeline: pipelineOf(job?.spec['pipeline'], known),
    target,
  })
}

function pipelineOf(stored: unknown, { format, isEncrypted }: { format: Format; isEncrypted: boolean }): unknown {
  const parsed = checkShape(pipelineSpecSchema, stored)
  if (!parsed.success) return { format, encryption: encryptionOf(isEncrypted, undefined) }
  const { level, recipients, encryption_key, part_size_bytes, bandwidth_limit } = parsed.data
  return {
    format: parsed.data.format,
    level,
    part_size_bytes,
    encryption: encryptionOf(recipients.length > 0, encryption_key),
    ...(bandwidth_limit !== undefined && { bandwidth_limit }),
  }
}

function encryptionOf(isEncrypted: boolean, storedName: string | undefined): unknown {
  const name = keyNameSchema.safeParse(storedName)
  return isEncrypted ? { type: 'age_x25519', key_name: name.success ? name.data : 'default' } : { type: 'none' }
}

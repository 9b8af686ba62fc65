import type { z } from 'zod'
import type { Format } from '../../core/artifact.ts'
import type { indexHeaderSchema } from '../../core/entry.ts'
import { keyNameSchema } from '../../core/job.ts'
import { pipelineSpecSchema } from '../../core/pipeline-spec.ts'
import { sourceSchema } from '../../core/source.ts'
import { jobSpecSchema, type JobSpec, type JobTarget } from '../../protocol/job-spec.ts'

/**
 * What can be said of a job by what its artifacts say of it, to be kept archived: it has no schedule. Where nobody can read what they say its source is a path that is nowhere, so that a
 * run of it stores nothing.
 */
export function stubSpec(known: {
  jobId: string
  nodeId: string
  target: JobTarget
  job: z.infer<typeof indexHeaderSchema>['job'] | undefined
  format: Format
}): JobSpec {
  const { jobId, nodeId, target, job, format } = known
  const source = sourceSchema.safeParse(job?.spec['source'])
  const name = (job?.name ?? '').trim().slice(0, 200)
  return jobSpecSchema.parse({
    name: name === '' ? jobId : name,
    node_id: nodeId,
    source: source.success ? source.data : { type: 'filesystem', paths: [`/the-source-of-${jobId}-is-not-known`] },
    pipeline: pipelineOf(job?.spec['pipeline'], format),
    target,
  })
}

function pipelineOf(stored: unknown, format: Format): unknown {
  const parsed = pipelineSpecSchema.safeParse(stored)
  if (!parsed.success) return { format }
  const { level, recipients, encryption_key, part_size_bytes, bandwidth_limit } = parsed.data
  const keyName = keyNameSchema.safeParse(encryption_key)
  return {
    format: parsed.data.format,
    level,
    part_size_bytes,
    encryption: recipients.length === 0 ? { type: 'none' } : { type: 'age_x25519', key_name: keyName.success ? keyName.data : 'default' },
    ...(bandwidth_limit !== undefined && { bandwidth_limit }),
  }
}

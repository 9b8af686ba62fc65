import { BastionError } from '../../core/errors.ts'
import { defaultFrameBytes } from '../../core/pipeline-spec.ts'
import type { JobTarget, JobTargetKind } from '../../protocol/job-spec.ts'
import type { Credentials } from '../../protocol/run-plan.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { KeptOffer, RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'

/**
 * What the run's node is told, from the job as it is now. Credentials are beside it and are not kept.
 * @throws BastionError when a secret is not there, its key is not kept elsewhere, or the job belongs to another node by now
 */
export async function makeOffer(
  { hubId, vault }: Pick<DispatchServices, 'hubId' | 'vault'>,
  job: JobRecord,
  run: RunRecord,
): Promise<{ offer: KeptOffer; credentials: Credentials }> {
  const { name, node_id, source, pipeline, target } = job.spec
  if (node_id !== run.node_id) throw new BastionError('conflict', `the job belongs to the node ${node_id} now, and the run was for ${run.node_id}`)
  const { encryption, ...packing } = pipeline
  const { secret_name, ...config } = target as JobTarget
  const recipients = await recipientsFor({ vault }, job.spec)
  const offer: KeptOffer = {
    plan: {
      v: 1,
      hub_id: hubId,
      node_id,
      job_id: job.id,
      job_name: name,
      run_id: run.id,
      ...(run.retry_of !== null && { retry_of: run.retry_of }),
      source,
      pipeline: {
        ...packing,
        recipients,
        ...(encryption.type !== 'none' && { encryption_key: encryption.key_name }),
        frame_bytes: defaultFrameBytes,
      },
      target: config,
      ...(job.target_id !== null && { expected_target_id: job.target_id }),
    },
    secret_name: secret_name ?? null,
  }
  return { offer, credentials: await credentialsOf({ vault }, offer) }
}

/** Whom a job encrypts for. @throws BastionError encryption_key_not_kept */
export async function recipientsFor(
  { vault }: Pick<DispatchServices, 'vault'>,
  { pipeline: { encryption } }: Pick<JobRecord['spec'], 'pipeline'>,
): Promise<string[]> {
  return encryption.type === 'none' ? [] : [await vault.recipientFor(encryption.key_name)]
}

/** The credentials of an offer that was made before. */
export function credentialsOf({ vault }: Pick<DispatchServices, 'vault'>, { plan, secret_name }: KeptOffer): Promise<Credentials> {
  const target = { type: plan.target.type as JobTargetKind, ...(secret_name !== null && { secret_name }) }
  return vault.credentialsFor(plan.node_id, target)
}

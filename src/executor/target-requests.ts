import { type ScannedPlace, scanTarget } from '../engine/scan-target.ts'
import { checkReport } from '../engine/targets/check-report.ts'
import { checkTarget } from '../engine/targets/check-target.ts'
import { proveIdentity } from '../engine/targets/target-identity.ts'
import type { ScannedPlace as ScannedPlaceReply } from '../protocol/node-replies.ts'
import { openedTarget, type RequestWork } from './request-work.ts'
import { storedFacts } from './stored-facts.ts'

/** What is asked of a target as a whole. */
export const targetRequests = {
  async 'target.check'(request, _means, context) {
    await using target = await openedTarget(request, context)
    if (request.expected_target_id !== undefined) await proveIdentity(target, request.expected_target_id, context.signal)
    const leftovers: string[] = []
    const check = await checkTarget(target, { signal: context.signal, onLeftover: (message) => leftovers.push(message) })
    context.answer({ ...checkReport(target.label, check), leftovers })
  },

  async 'target.scan'(request, _means, context) {
    const { expected_target_id: expectedTargetId, after, limit, only, identities } = request
    await using target = await openedTarget(request, context)
    const { clock, signal } = context
    const page = await scanTarget(target, { expectedTargetId, after, limit, only, identities, clock, signal })
    context.answer({ target_id: page.targetId, found: page.found.map((place) => placeReply(place, page.targetId)), next: page.next })
  },
} as const satisfies RequestWork

function placeReply(place: ScannedPlace, targetId: string): ScannedPlaceReply {
  if (place.state === 'foreign') return place
  const ref = { job_id: place.jobId, run_id: place.runId }
  switch (place.state) {
    case 'complete': {
      const { manifest, manifestHash, completedAt, header } = place
      const { hub_id, node_id, retry_of, started_at, ended_at, coverage } = manifest
      return {
        ...ref,
        state: 'complete',
        hub_id,
        node_id,
        retry_of,
        started_at,
        ended_at,
        consistency_changed_total: manifest.consistency.changed_total,
        artifact: storedFacts({ targetId, manifest, manifestHash, completedAt, coverage: coverage ?? header?.coverage ?? [] }),
        recipients: manifest.pipeline.recipients ?? [],
        ...(header === undefined ? {} : { job: header.job }),
      }
    }
    case 'damaged':
      return { ...ref, state: 'damaged', why: place.why, hub_id: place.hubId }
    case 'incomplete': {
      const { hubId, nodeId, lastSignAt, objects, bytes } = place
      return { ...ref, state: 'incomplete', hub_id: hubId, node_id: nodeId, last_sign_at: lastSignAt, objects, bytes }
    }
  }
}

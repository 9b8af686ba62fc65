import { z } from 'zod'
import { type Grade, grades } from './grade.ts'
import type { RetentionPolicy } from './retention.ts'
import type { RetentionCalendar } from './retention-calendar.ts'
import { retentionRules, type RetentionRule, type SlotRule, slotRules } from './retention-rules.ts'

/**
 * What a person or a check has found of an artifact. `suspicious` and `damaged` wait for a person; one that a person has accepted is `good` again, one that a
 * person has given up is kept for nothing. `foreign`: another Hub made it, so it is not ours to delete.
 */
export type RetentionStanding = 'good' | 'suspicious' | 'damaged' | 'foreign' | 'given_up'

/** An artifact that is present, as retention sees it. */
export interface RetentionArtifact {
  run_id: string
  /** when it was made, see {@link artifactTime} */
  at: number
  grade: Grade
  pinned: boolean
  standing: RetentionStanding
}

export const keepReasonSchema = z.object({
  rule: z.enum(['newest_good', ...retentionRules, 'pinned', 'suspicious', 'damaged', 'foreign', 'future', 'no_good', 'no_rules']),
  /** `keep_last`: 1 is the newest */
  rank: z.int().positive().optional(),
  /** the hour, day, week, month or year it is kept for; `keep_days`: its own day */
  slot: z.string().optional(),
})
export type KeepReason = z.infer<typeof keepReasonSchema>

export const deleteReasonSchema = z.object({
  rule: z.enum([...retentionRules, 'given_up']),
  slot: z.string().optional(),
  /** the artifact that is kept for this slot instead; absent: there are enough newer slots */
  kept_instead: z.string().optional(),
})
export type DeleteReason = z.infer<typeof deleteReasonSchema>

export type RetentionDecision =
  | { run_id: string; action: 'keep'; reasons: KeepReason[] }
  | { run_id: string; action: 'delete'; reasons: DeleteReason[] }

/** Clocks of two machines are never quite the same. */
const futureToleranceMs = 60 * 60_000

/**
 * When an artifact was made, by the Hub's clock: what its node says counts only between the moment the run was offered and the one its end was told, so a clock
 * that is wrong, or lies, cannot move it past other artifacts. A run that was never offered was made when it was told of.
 */
export function artifactTime(times: { completed_at: number; offered_at: number | null; received_at: number }): number {
  const { completed_at, offered_at, received_at } = times
  if (offered_at === null || offered_at >= received_at) return received_at
  return Math.min(received_at, Math.max(offered_at, completed_at))
}

/**
 * What becomes of each artifact, the newest first, with every reason there is. Decides by the artifacts alone: as time goes by nothing is deleted that no newer artifact
 * takes the place of. `nowMs` only holds back what claims to come from the future.
 */
export function decideRetention(
  policy: RetentionPolicy,
  artifacts: readonly RetentionArtifact[],
  { calendar, nowMs }: { calendar: RetentionCalendar; nowMs: number },
): RetentionDecision[] {
  const sorted = artifacts.toSorted(newestFirst)
  const held = new Map<string, KeepReason>()
  const candidates: RetentionArtifact[] = []
  for (const artifact of sorted) {
    const reason = heldBack(artifact, nowMs)
    if (reason !== null) held.set(artifact.run_id, { rule: reason })
    else if (artifact.standing === 'good') candidates.push(artifact)
  }
  const claims = claimAll(policy, candidates, calendar)
  // A pinned one will do: it stays.
  const hasGood = sorted.some(({ standing }) => standing === 'good')
  return sorted.map((artifact) => {
    const { run_id } = artifact
    const reason = held.get(run_id)
    if (reason !== undefined) return { run_id, action: 'keep', reasons: [reason] }
    const reasons = claims.kept.get(artifact)
    if (reasons !== undefined) return { run_id, action: 'keep', reasons }
    if (claims.none) return { run_id, action: 'keep', reasons: [{ rule: 'no_rules' }] }
    // What is bad is better than nothing.
    if (!hasGood) return { run_id, action: 'keep', reasons: [{ rule: 'no_good' }] }
    return { run_id, action: 'delete', reasons: artifact.standing === 'given_up' ? [{ rule: 'given_up' }] : claims.reasonsAgainst(artifact) }
  })
}

/** What is neither decided on nor fills a slot. A person who has given something up may still have it pinned. */
function heldBack({ pinned, standing, at }: RetentionArtifact, nowMs: number): KeepReason['rule'] | null {
  if (pinned) return 'pinned'
  if (standing === 'suspicious' || standing === 'damaged' || standing === 'foreign') return standing
  return at > nowMs + futureToleranceMs ? 'future' : null
}

interface Claims {
  /** there is no rule, so nothing says what may go */
  none: boolean
  kept: ReadonlyMap<RetentionArtifact, KeepReason[]>
  reasonsAgainst(artifact: RetentionArtifact): DeleteReason[]
}

/** @param candidates the newest first */
function claimAll(policy: RetentionPolicy, candidates: readonly RetentionArtifact[], calendar: RetentionCalendar): Claims {
  const kept = new Map<RetentionArtifact, KeepReason[]>()
  const claim = (artifact: RetentionArtifact, reason: KeepReason) => {
    const reasons = kept.get(artifact)
    if (reasons === undefined) kept.set(artifact, [reason])
    else reasons.push(reason)
  }
  const rules = retentionRules.flatMap((rule) => (policy[rule] === null ? [] : [[rule, policy[rule]] as const]))
  const [newest] = candidates
  if (newest !== undefined) claim(newest, { rule: 'newest_good' })
  const oldestDay = newest === undefined || policy.keep_days === null ? 0 : calendar.dayOf(newest.at) - policy.keep_days
  const slots = new Map<SlotRule, ReadonlyMap<number, RetentionArtifact>>()
  for (const [rule, count] of rules) {
    if (rule === 'keep_last') {
      for (const [index, artifact] of candidates.slice(0, count).entries()) claim(artifact, { rule, rank: index + 1 })
    } else if (rule === 'keep_days') {
      for (const artifact of candidates) {
        if (calendar.dayOf(artifact.at) >= oldestDay) claim(artifact, { rule, slot: calendar.slotName('keep_daily', artifact.at) })
      }
    } else {
      const best = bestOfSlots(rule, count, candidates, calendar)
      slots.set(rule, best)
      for (const artifact of best.values()) claim(artifact, { rule, slot: calendar.slotName(rule, artifact.at) })
    }
  }
  return {
    none: rules.length === 0,
    kept,
    reasonsAgainst: (artifact) =>
      rules.map(([rule]): DeleteReason => {
        if (!isSlotRule(rule)) return rule === 'keep_days' ? { rule, slot: calendar.slotName('keep_daily', artifact.at) } : { rule }
        const best = slots.get(rule)?.get(calendar.slotOf(rule, artifact.at))
        return { rule, slot: calendar.slotName(rule, artifact.at), ...(best !== undefined && { kept_instead: best.run_id }) }
      }),
  }
}

/** The newest `count` slots that have an artifact, each with the best-graded one in it, of those the newest. */
function bestOfSlots(
  rule: SlotRule,
  count: number,
  candidates: readonly RetentionArtifact[],
  calendar: RetentionCalendar,
): ReadonlyMap<number, RetentionArtifact> {
  const best = new Map<number, RetentionArtifact>()
  for (const artifact of candidates) {
    const slot = calendar.slotOf(rule, artifact.at)
    const other = best.get(slot)
    if (other === undefined) {
      if (best.size < count) best.set(slot, artifact)
    } else if (grades.indexOf(artifact.grade) < grades.indexOf(other.grade)) {
      best.set(slot, artifact)
    }
  }
  return best
}

function newestFirst(a: RetentionArtifact, b: RetentionArtifact): number {
  if (a.at !== b.at) return b.at - a.at
  return a.run_id < b.run_id ? 1 : -1
}

function isSlotRule(rule: RetentionRule): rule is SlotRule {
  return (slotRules as readonly RetentionRule[]).includes(rule)
}

/** How many deletes a job may still ask for. */
export interface DeleteAllowance {
  policy: Pick<RetentionPolicy, 'max_delete_per_tick' | 'max_delete_per_day'>
  /** what retention has asked for of this job in the last 24 hours */
  deletedInLastDay: number
}

/** What may be deleted now of what the decisions want deleted: the oldest first, as far as the limits go. */
export function deletesWithinLimits(decisions: readonly RetentionDecision[], { policy, deletedInLastDay }: DeleteAllowance): string[] {
  const allowed = Math.max(0, Math.min(policy.max_delete_per_tick, policy.max_delete_per_day - deletedInLastDay))
  return decisions
    .filter(({ action }) => action === 'delete')
    .map(({ run_id }) => run_id)
    .toReversed()
    .slice(0, allowed)
}

import type { BrakeCause, BrakeKind } from './retention-brakes.ts'
import type { DeleteReason, KeepReason } from './retention-decision.ts'
import type { SlotRule } from './retention-rules.ts'
import type { Suspicion } from './suspicion.ts'

const slotNames: Record<SlotRule, string> = {
  keep_hourly: 'hour',
  keep_daily: 'day',
  keep_weekly: 'week',
  keep_monthly: 'month',
  keep_yearly: 'year',
}

/** Why an artifact is kept, as half a sentence: "kept: the best of the day 2026-03-07". */
export function keepReasonText({ rule, rank = 0, slot = '' }: KeepReason): string {
  switch (rule) {
    case 'newest_good':
      return 'the newest good artifact'
    case 'pinned':
      return 'pinned'
    case 'suspicious':
      return 'suspicious, and no person has judged it yet'
    case 'damaged':
      return 'damaged, and no person has judged it yet'
    case 'foreign':
      return 'another Hub made it: only a person deletes it, with force'
    case 'future':
      return 'its time has not come yet: a clock was wrong'
    case 'no_good':
      return 'there is no good artifact'
    case 'no_rules':
      return 'there is no rule that says what to keep'
    case 'keep_last':
      return rank === 1 ? 'the last one' : `number ${rank} of the last ones`
    case 'keep_days':
      return `young enough: of ${slot}`
    default:
      return `the best of the ${slotNames[rule]} ${slot}`
  }
}

/** Why a rule does not keep an artifact. */
export function deleteReasonText({ rule, slot = '', kept_instead }: DeleteReason): string {
  switch (rule) {
    case 'given_up':
      return 'a person has given it up'
    case 'keep_last':
      return 'not one of the last ones'
    case 'keep_days':
      return `too old: of ${slot}`
    default:
      return kept_instead === undefined
        ? `enough newer ${slotNames[rule]}s than ${slot} are kept`
        : `${kept_instead} is kept for the ${slotNames[rule]} ${slot}`
  }
}

export function suspicionText(suspicion: Suspicion): string {
  switch (suspicion.kind) {
    case 'files_fell':
      return `${suspicion.found} files, where ${suspicion.median} are normal`
    case 'bytes_fell':
      return `${suspicion.found} bytes, where ${suspicion.median} are normal`
    case 'mount_vanished':
      return `${suspicion.path} was a mount of ${suspicion.unit}, and is none any more`
  }
}

/** Why a brake is on. */
export function brakeText(cause: BrakeCause): string {
  switch (cause.kind) {
    case 'failing':
      return `the last ${cause.run_ids.length} runs failed or did not get everything`
    case 'suspicious': {
      const more = cause.total === 1 ? '' : `, and ${cause.total - 1} more like it`
      return `a run found far less than the ones before: ${cause.suspicions.map(suspicionText).join('; ')}${more}`
    }
    case 'clock':
      return `the clock of the Hub jumped from ${new Date(cause.from).toISOString()} to ${new Date(cause.to).toISOString()}`
    case 'deletes': {
      const what = cause.total === 1 ? 'an artifact' : `${cause.total} artifacts`
      return `${what} could not be deleted from the target${cause.error === null ? '' : `: ${cause.error}`}`
    }
  }
}

/** What takes a brake off. */
export const brakeReleases: Record<BrakeKind, string> = {
  failing: 'the next clean run',
  suspicious: 'a person who accepts it as the new normal, or gives it up',
  clock: 'a person, or 24 hours in which the clock does not jump',
  deletes: 'one delete on this target that succeeds, or ignoring the ones that fail',
}

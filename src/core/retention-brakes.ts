import { z } from 'zod'
import { suspicionSchema } from './suspicion.ts'
import { timestampSchema } from './timestamp.ts'

/** What stops automatic deletion, and nothing else. */
export const brakeKinds = ['failing', 'suspicious', 'clock', 'deletes'] as const
export type BrakeKind = (typeof brakeKinds)[number]

/** Why a brake is on. */
export const brakeCauseSchema = z.discriminatedUnion('kind', [
  /** the last runs of the job, the newest first */
  z.object({ kind: z.literal('failing'), run_ids: z.array(z.string()) }),
  /** the newest suspicious run that waits for a person, and how many there are */
  z.object({ kind: z.literal('suspicious'), run_id: z.string(), total: z.int().positive(), suspicions: z.array(suspicionSchema) }),
  /** the Hub's clock went from one time to the other between two looks at it */
  z.object({ kind: z.literal('clock'), from: timestampSchema, to: timestampSchema }),
  /** an artifact that could not be deleted from the target */
  z.object({
    kind: z.literal('deletes'),
    target_id: z.string(),
    run_id: z.string(),
    at: timestampSchema,
    total: z.int().positive(),
    error: z.string().nullable(),
  }),
])
export type BrakeCause = z.infer<typeof brakeCauseSchema>

/** A brake that is on. */
export interface Brake {
  /** since when it is on, whatever else has come to it */
  since: number
  cause: BrakeCause
}

/** Who waits for longer should be told: what is not deleted fills the target. */
const quietMs = 7 * 24 * 60 * 60_000

export function isOverdue({ since }: Pick<Brake, 'since'>, nowMs: number): boolean {
  return nowMs - since > quietMs
}

/** What becomes of a brake at a look at what it watches. @returns `null`: it is off */
export function nextBrake(brake: Brake | null, cause: BrakeCause | null, nowMs: number): Brake | null {
  if (cause === null) return null
  return { since: brake?.since ?? nowMs, cause }
}

/** How a run ended, for the brake `failing`. */
export interface EndedRun {
  run_id: string
  clean: boolean
}

/** So many runs in a row must have failed, and the next clean one releases the brake. */
export const runsOfFailing = 3

/** @param runs those that were carried out to an end, whatever it was, the newest first */
export function failingCause(runs: readonly EndedRun[]): BrakeCause | null {
  const last = runs.slice(0, runsOfFailing)
  if (last.length < runsOfFailing || last.some(({ clean }) => clean)) return null
  return { kind: 'failing', run_ids: last.map(({ run_id }) => run_id) }
}

/**
 * Whether a run has everything it should have: it is complete, everything could be read, and there is no hole that the last accepted run did not have. Files that
 * changed while they were read do not count.
 */
export function isClean(run: { isComplete: boolean; unreadable: number; holes: readonly string[] }, acceptedHoles: readonly string[]): boolean {
  return run.isComplete && run.unreadable === 0 && run.holes.every((hole) => acceptedHoles.includes(hole))
}

const dayMs = 24 * 60 * 60_000

/** Runs that claim to be of a later time than this were made while the clock was wrong: until then they are not the last ones. Less than that is waited for. */
export function latestBelieved(nowMs: number): number {
  return nowMs + dayMs
}

/** What the Hub knows of its own clock. */
export const clockWatchSchema = z.object({
  last_tick_at: timestampSchema,
  /** the newest jump that has not been released */
  jump: z.object({ from: timestampSchema, to: timestampSchema }).nullable(),
})
export type ClockWatch = z.infer<typeof clockWatchSchema>

/** Looks at the clock. A jump by more than a day, in either direction, is kept until the clock has gone steadily for a day. */
export function watchClock(watch: ClockWatch | null, nowMs: number): ClockWatch {
  if (watch === null) return { last_tick_at: nowMs, jump: null }
  const { last_tick_at, jump } = watch
  if (Math.abs(nowMs - last_tick_at) > dayMs) return { last_tick_at: nowMs, jump: { from: last_tick_at, to: nowMs } }
  return { last_tick_at: nowMs, jump: jump !== null && nowMs - jump.to >= dayMs ? null : jump }
}

export function clockCause({ jump }: Pick<ClockWatch, 'jump'>): BrakeCause | null {
  return jump === null ? null : { kind: 'clock', ...jump }
}

/** How deleting from one target goes. */
export interface TargetDeletes {
  target_id: string
  /** deletes that have failed and were neither done since nor ignored */
  failing: number
  /** the newest failure among them */
  last_failure: { run_id: string; at: number; error: string | null } | null
  /** when something was deleted there the last time */
  last_success_at: number | null
}

type DeletesCause = Extract<BrakeCause, { kind: 'deletes' }>

/** @param before why the brake was on so far, while the delete it names is neither done nor ignored: that it is tried again is no success yet */
export function deletesCause({ target_id, failing, last_failure, last_success_at }: TargetDeletes, before: DeletesCause | null): BrakeCause | null {
  const isPast = (at: number) => last_success_at !== null && last_success_at > at
  if (last_failure !== null && failing > 0 && !isPast(last_failure.at)) {
    return { kind: 'deletes', target_id, ...last_failure, total: failing }
  }
  return before !== null && !isPast(before.at) ? before : null
}

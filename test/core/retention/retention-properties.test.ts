import fc from 'fast-check'
import { expect, test } from 'vitest'
import { grades } from '../../../src/core/grade.ts'
import type { RetentionPolicy } from '../../../src/core/retention.ts'
import { createRetentionCalendar } from '../../../src/core/retention-calendar.ts'
import { decideRetention, deletesWithinLimits, type RetentionArtifact } from '../../../src/core/retention-decision.ts'
import { forecastRetention } from '../../../src/core/retention-forecast.ts'
import { hasRule, retentionRules, slotRules } from '../../../src/core/retention-rules.ts'
import { historyNow, someHistory, somePolicy, someZone } from '../../support/retention-arbitraries.ts'
import { scale } from '../../support/scale.ts'
import { seed } from '../../support/seed.ts'

const runs = { seed, numRuns: scale(400, 20_000) }
const inputs = [somePolicy, someHistory, someZone] as const

function deleted(policy: RetentionPolicy, artifacts: readonly RetentionArtifact[], zone: string): Set<string> {
  const decisions = decideRetention(policy, artifacts, { calendar: createRetentionCalendar(zone), nowMs: historyNow })
  return new Set(decisions.flatMap(({ action, run_id }) => (action === 'delete' ? [run_id] : [])))
}

function isTimely({ at }: RetentionArtifact): boolean {
  return at <= historyNow + 3_600_000
}

test('every artifact is decided on once, with a reason', () => {
  fc.assert(
    fc.property(...inputs, (policy, artifacts, zone) => {
      const decisions = decideRetention(policy, artifacts, { calendar: createRetentionCalendar(zone), nowMs: historyNow })
      expect(decisions.map(({ run_id }) => run_id).toSorted()).toEqual(artifacts.map(({ run_id }) => run_id))
      expect(decisions.every(({ reasons }) => reasons.length > 0)).toBe(true)
    }),
    runs,
  )
})

test('what is pinned, waits for a judgement or comes from the future is never deleted, nor is the newest good one', () => {
  fc.assert(
    fc.property(...inputs, (policy, artifacts, zone) => {
      const gone = deleted(policy, artifacts, zone)
      for (const artifact of artifacts) {
        const { run_id, pinned, standing } = artifact
        if (pinned || standing === 'suspicious' || standing === 'damaged' || standing === 'foreign' || !isTimely(artifact))
          expect(gone).not.toContain(run_id)
      }
      const good = artifacts.filter((artifact) => artifact.standing === 'good' && isTimely(artifact))
      for (const among of [good, good.filter(({ pinned }) => !pinned)]) {
        const newest = among.toSorted((a, b) => b.at - a.at || (a.run_id < b.run_id ? 1 : -1))[0]
        if (newest !== undefined) expect(gone).not.toContain(newest.run_id)
      }
    }),
    runs,
  )
})

test('there is something good left wherever there was', () => {
  fc.assert(
    fc.property(...inputs, (policy, artifacts, zone) => {
      const gone = deleted(policy, artifacts, zone)
      const good = artifacts.filter(({ standing }) => standing === 'good')
      if (good.length > 0) expect(good.some(({ run_id }) => !gone.has(run_id))).toBe(true)
      else expect(gone.size).toBe(0)
    }),
    runs,
  )
})

test('without a rule nothing is deleted', () => {
  fc.assert(
    fc.property(...inputs, (policy, artifacts, zone) => {
      const none = { ...policy, ...Object.fromEntries(retentionRules.map((rule) => [rule, null])) }
      expect(hasRule(none)).toBe(false)
      expect(deleted(none, artifacts, zone).size).toBe(0)
    }),
    runs,
  )
})

test('what is left keeps itself: a second look deletes nothing', () => {
  fc.assert(
    fc.property(...inputs, (policy, artifacts, zone) => {
      const gone = deleted(policy, artifacts, zone)
      const left = artifacts.filter(({ run_id }) => !gone.has(run_id))
      expect(deleted(policy, left, zone).size).toBe(0)
    }),
    runs,
  )
})

test('a part of the deletes now and the rest later comes to the same as all at once', () => {
  fc.assert(
    fc.property(...inputs, fc.infiniteStream(fc.boolean()), (policy, artifacts, zone, coins) => {
      const gone = deleted(policy, artifacts, zone)
      const first = new Set([...gone].filter(() => coins.next().value))
      const rest = deleted(
        policy,
        artifacts.filter(({ run_id }) => !first.has(run_id)),
        zone,
      )
      expect([...first, ...rest].toSorted()).toEqual([...gone].toSorted())
    }),
    runs,
  )
})

test('a look after each new artifact keeps what one look at the end keeps', () => {
  fc.assert(
    fc.property(...inputs, (policy, artifacts, zone) => {
      const ordinary = artifacts
        .filter(({ at, pinned, standing }) => at <= historyNow && !pinned && standing === 'good')
        .toSorted((a, b) => a.at - b.at || (a.run_id < b.run_id ? -1 : 1))
      let left: RetentionArtifact[] = []
      for (const artifact of ordinary) {
        left.push(artifact)
        const gone = deleted(policy, left, zone)
        left = left.filter(({ run_id }) => !gone.has(run_id))
      }
      const gone = deleted(policy, ordinary, zone)
      expect(left).toEqual(ordinary.filter(({ run_id }) => !gone.has(run_id)))
    }),
    { ...runs, numRuns: scale(100, 3000) },
  )
})

test('another rule, or a larger one, never deletes more', () => {
  fc.assert(
    fc.property(...inputs, fc.constantFrom(...retentionRules), fc.integer({ min: 1, max: 5 }), (policy, artifacts, zone, rule, more) => {
      fc.pre(hasRule(policy))
      const gone = deleted(policy, artifacts, zone)
      for (const run_id of deleted({ ...policy, [rule]: (policy[rule] ?? 0) + more }, artifacts, zone)) expect(gone).toContain(run_id)
    }),
    runs,
  )
})

test('a calendar rule keeps as many slots as there are, up to its number, and nothing in one of them is better', () => {
  fc.assert(
    fc.property(...inputs, fc.constantFrom(...slotRules), (policy, artifacts, zone, rule) => {
      const count = policy[rule]
      if (count === null) return
      const calendar = createRetentionCalendar(zone)
      const decisions = decideRetention(policy, artifacts, { calendar, nowMs: historyNow })
      const candidates = artifacts.filter((one) => !one.pinned && one.standing === 'good' && isTimely(one))
      const slots = new Set(candidates.map(({ at }) => calendar.slotName(rule, at)))
      const keepers = decisions.flatMap((decision) =>
        decision.action === 'keep' && decision.reasons.some((reason) => reason.rule === rule)
          ? [artifacts.find(({ run_id }) => run_id === decision.run_id)!]
          : [],
      )
      expect(keepers.length).toBe(Math.min(count, slots.size))
      for (const keeper of keepers) {
        const same = candidates.filter(({ at }) => calendar.slotName(rule, at) === calendar.slotName(rule, keeper.at))
        expect(Math.min(...same.map(({ grade }) => grades.indexOf(grade)))).toBe(grades.indexOf(keeper.grade))
      }
    }),
    runs,
  )
})

test('limits are kept, and look by look everything goes that should', () => {
  fc.assert(
    fc.property(...inputs, fc.integer({ min: 0, max: 60 }), (policy, artifacts, zone, before) => {
      const calendar = createRetentionCalendar(zone)
      const all = [...deleted(policy, artifacts, zone)]
      let left = artifacts
      let today = before
      const gone: string[] = []
      for (let look = 0; ; look++) {
        const decisions = decideRetention(policy, left, { calendar, nowMs: historyNow })
        const now = deletesWithinLimits(decisions, { policy, deletedInLastDay: today })
        expect(now.length).toBeLessThanOrEqual(policy.max_delete_per_tick)
        if (now.length > 0) expect(today + now.length).toBeLessThanOrEqual(policy.max_delete_per_day)
        if (now.length === 0 && today > 0) today = 0 // a day later
        else if (now.length === 0) break
        today += now.length
        gone.push(...now)
        const wave = new Set(now)
        left = left.filter(({ run_id }) => !wave.has(run_id))
        expect(look).toBeLessThan(500)
      }
      expect(gone.toSorted()).toEqual(all.toSorted())
      // The oldest first.
      const at = new Map(artifacts.map((one) => [one.run_id, one.at]))
      expect(gone.every((id, index) => index === 0 || at.get(gone[index - 1]!)! <= at.get(id)!)).toBe(true)
    }),
    runs,
  )
})

test('a forecast keeps what a look at the end of each month would keep, and says of every artifact of today in which month it goes', () => {
  fc.assert(
    fc.property(...inputs, fc.integer({ min: 60, max: 10_000 }), (policy, artifacts, zone, everyMinutes) => {
      const calendar = createRetentionCalendar(zone)
      const end = historyNow + 100 * 24 * 60 * 60_000
      const runTimes: number[] = []
      for (let at = historyNow + 1; at < end; at += everyMinutes * 60_000) runTimes.push(at)
      const months = [...forecastRetention({ policy, artifacts, runTimes, runsUntil: end, calendar, nowMs: historyNow, months: 12 })]
      expect(months.at(-1)!.until).toBe(end)
      expect(months.reduce((sum, { made }) => sum + made, 0)).toBe(runTimes.length)
      let there = artifacts.length
      for (const { made, kept, deleted: gone } of months) {
        expect(kept).toBe(there + made - gone)
        there = kept
      }
      // What should go today goes this month at the latest.
      const first = new Set(months[0]!.leaving)
      for (const run_id of deleted(policy, artifacts, zone)) expect(first).toContain(run_id)
      const leaving = months.flatMap((month) => month.leaving)
      expect(new Set(leaving).size).toBe(leaving.length)
    }),
    { ...runs, numRuns: scale(60, 1500) },
  )
})

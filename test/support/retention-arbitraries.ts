import fc from 'fast-check'
import { grades } from '../../src/core/grade.ts'
import { retentionPolicySchema, type RetentionPolicy } from '../../src/core/retention.ts'
import type { RetentionArtifact } from '../../src/core/retention-decision.ts'
import { hasRule, retentionRules } from '../../src/core/retention-rules.ts'

/** Around the clocks going back in Berlin, so that every kind of day is met. */
const start = Date.UTC(2026, 8, 1)
const minuteMs = 60_000
export const historyNow = start + 120 * 24 * 60 * minuteMs

export const someZone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia')

export const somePolicy: fc.Arbitrary<RetentionPolicy> = fc
  .record({
    rules: fc.record(Object.fromEntries(retentionRules.map((rule) => [rule, fc.integer({ min: 1, max: 12 })])), { requiredKeys: [] }),
    max_delete_per_tick: fc.integer({ min: 1, max: 20 }),
    max_delete_per_day: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ rules, ...limits }) => retentionPolicySchema.parse({ enabled: hasRule(rules), ...rules, ...limits }))

const someArtifact = fc.record({
  // Often in one hour, sometimes at one moment, now and then in the future.
  at: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 120 * 24 * 60 }).map((minutes) => start + minutes * minuteMs) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 180 }).map((minutes) => start + 54 * 24 * 60 * minuteMs + minutes * minuteMs) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 * 24 * 60 }).map((minutes) => historyNow + minutes * minuteMs) },
  ),
  grade: fc.constantFrom(...grades),
  pinned: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  standing: fc.oneof(
    { weight: 8, arbitrary: fc.constant('good' as const) },
    { weight: 1, arbitrary: fc.constantFrom('suspicious' as const, 'damaged' as const, 'foreign' as const, 'given_up' as const) },
  ),
})

export const someHistory: fc.Arbitrary<RetentionArtifact[]> = fc
  .array(someArtifact, { maxLength: 60 })
  .map((artifacts) => artifacts.map((artifact, index) => ({ run_id: `run-${String(index).padStart(3, '0')}`, ...artifact })))

import { expect, test } from 'vitest'
import { jobFields } from '../../../src/core/job.ts'
import { policyInForce } from '../../../src/core/policy-in-force.ts'
import { jobRetentionSchema, retentionPolicySchema } from '../../../src/core/retention.ts'

const none = { keep_last: null, keep_days: null, keep_hourly: null, keep_daily: null, keep_weekly: null, keep_monthly: null, keep_yearly: null }

test('a policy that is on needs a rule', () => {
  expect(retentionPolicySchema.parse({})).toEqual({ enabled: false, ...none, max_delete_per_tick: 50, max_delete_per_day: 200 })
  expect(retentionPolicySchema.safeParse({ enabled: true }).success).toBe(false)
  expect(retentionPolicySchema.safeParse({ enabled: true, ...none }).success).toBe(false)
  expect(retentionPolicySchema.parse({ enabled: true, keep_yearly: 1 })).toMatchObject({ enabled: true, keep_yearly: 1 })
  expect(jobRetentionSchema.safeParse({ enabled: true }).success).toBe(false)
})

test('nought, a fraction, a negative number and a rule nobody knows are refused: they could be meant in two ways', () => {
  for (const bad of [
    { keep_last: 0 },
    { keep_days: -1 },
    { keep_daily: 1.5 },
    { keep_minutely: 3 },
    { keep_last: '3' },
    { max_delete_per_tick: 0 },
  ]) {
    expect(retentionPolicySchema.safeParse({ enabled: true, keep_last: 1, ...bad }).success).toBe(false)
  }
})

test('a job inherits the policy of the Hub unless it has its own', () => {
  const hub = retentionPolicySchema.parse({ enabled: true, keep_last: 9 })
  expect(jobFields.retention.parse(undefined)).toEqual({ mode: 'inherit' })
  expect(policyInForce({ mode: 'inherit' }, hub)).toBe(hub)
  const own = jobRetentionSchema.parse({ enabled: true, keep_days: 30 })
  expect(own).toMatchObject({ mode: 'custom', enabled: true, keep_days: 30 })
  expect(policyInForce(own, hub)).toEqual(retentionPolicySchema.parse({ enabled: true, keep_days: 30 }))
  // Off for this job, whatever the Hub says.
  expect(policyInForce(jobRetentionSchema.parse({ mode: 'custom' }), hub).enabled).toBe(false)
  expect(jobRetentionSchema.safeParse({ mode: 'inherit', keep_last: 3 }).success).toBe(false)
})

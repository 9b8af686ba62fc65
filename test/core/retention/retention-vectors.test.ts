import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { gradeSchema } from '../../../src/core/grade.ts'
import { retentionPolicySchema } from '../../../src/core/retention.ts'
import { createRetentionCalendar } from '../../../src/core/retention-calendar.ts'
import { hasRule, retentionRules } from '../../../src/core/retention-rules.ts'
import {
  decideRetention,
  deletesWithinLimits,
  type RetentionArtifact,
  type RetentionDecision,
  type RetentionStanding,
} from '../../../src/core/retention-decision.ts'

const folder = path.join(import.meta.dirname, '../../vectors/retention')
const count = z.int().positive()
const caseSchema = z.strictObject({
  name: z.string(),
  because: z.string(),
  zone: z.string().default('UTC'),
  now: z.string().optional(),
  policy: z.partialRecord(z.enum(retentionRules), count),
  limits: z.strictObject({ max_delete_per_tick: count, max_delete_per_day: count, deleted_in_last_day: z.int() }).optional(),
  artifacts: z.array(z.string()),
  deletes_now: z.string().optional(),
})

const line = /^(?<name>\w+) (?<time>\S+)(?<facts>(?: \w+)*) => (?<action>keep|delete): (?<reasons>.+)$/
const standings: readonly string[] = ['suspicious', 'damaged', 'foreign', 'given_up'] satisfies RetentionStanding[]

interface Expected {
  artifact: RetentionArtifact
  outcome: string
}

function readLine(text: string): Expected {
  const { name = '', time = '', facts = '', action = '', reasons = '' } = line.exec(text)?.groups ?? {}
  const at = Date.parse(time)
  if (Number.isNaN(at)) throw new Error(`cannot be read: ${text}`)
  const artifact: RetentionArtifact = { run_id: name, at, grade: 'stable', pinned: false, standing: 'good' }
  for (const fact of facts.split(' ').filter(Boolean)) {
    if (fact === 'pinned') artifact.pinned = true
    else if (standings.includes(fact)) artifact.standing = fact as RetentionStanding
    else artifact.grade = gradeSchema.parse(fact)
  }
  return { artifact, outcome: `${action}: ${reasons}` }
}

function shown(decision: RetentionDecision): string {
  const reasons =
    decision.action === 'keep'
      ? decision.reasons.map(({ rule, rank, slot }) => `${rule}${rank === undefined ? '' : `#${rank}`}${slot === undefined ? '' : ` ${slot}`}`)
      : decision.reasons.map(
          ({ rule, slot, kept_instead }) => `${rule}${slot === undefined ? '' : ` ${slot}`}${kept_instead === undefined ? '' : ` (${kept_instead})`}`,
        )
  return `${decision.action}: ${reasons.join(', ')}`
}

describe.each(readdirSync(folder).filter((name) => name.endsWith('.json')))('retention: %s', (file) => {
  const cases = z.array(caseSchema).parse(JSON.parse(readFileSync(path.join(folder, file), 'utf8')))
  test.each(cases.map((one) => [one.name, one] as const))('%s', (_name, { zone, now, policy, limits, artifacts, deletes_now }) => {
    const expected = artifacts.map(readLine)
    const newest = Math.max(0, ...expected.map(({ artifact }) => artifact.at))
    const nowMs = now === undefined ? newest + 3_600_000 : Date.parse(now)
    const parsed = retentionPolicySchema.parse({
      ...policy,
      enabled: hasRule(policy),
      ...(limits && { max_delete_per_tick: limits.max_delete_per_tick, max_delete_per_day: limits.max_delete_per_day }),
    })
    const decisions = decideRetention(
      parsed,
      expected.map(({ artifact }) => artifact),
      { calendar: createRetentionCalendar(zone), nowMs },
    )
    const byName = new Map(decisions.map((decision) => [decision.run_id, shown(decision)]))
    expect(expected.map(({ artifact: { run_id } }) => [run_id, byName.get(run_id)])).toEqual(
      expected.map(({ artifact, outcome }) => [artifact.run_id, outcome]),
    )
    expect(decisions).toHaveLength(artifacts.length)
    if (deletes_now === undefined) return
    const deletes = deletesWithinLimits(decisions, { policy: parsed, deletedInLastDay: limits?.deleted_in_last_day ?? 0 })
    expect(deletes.join(' ')).toBe(deletes_now)
  })
})

test('there are at least sixty cases, and no name twice', () => {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((file) => z.array(caseSchema).parse(JSON.parse(readFileSync(path.join(folder, file), 'utf8'))))
    .map(({ name }) => name)
  expect(names.length).toBeGreaterThanOrEqual(60)
  expect(new Set(names).size).toBe(names.length)
})

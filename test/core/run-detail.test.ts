import { expect, test } from 'vitest'
import { runSummarySchema } from '../../src/core/run-detail.ts'

const snapshot = { mode: 'auto', status: 'ready', provider: 'btrfs' }
const coverage = [{ path: '/srv', unit: 'btrfs:/dev/vda', read: 'snapshot' }]

test('a part of a summary that has another shape is not told, and all beside it is', () => {
  const summary = {
    filesystem: { snapshot, coverage, consistency: { changed_total: 'many' }, of_another_version: true },
    sqlite: 'none',
    issues: { total: 1, sample: [{ path: '/srv/a', message: 'EACCES', errno: -13 }] },
    artifact: null,
    grade: 'stable',
  }
  expect(runSummarySchema.parse(summary)).toEqual({
    filesystem: { snapshot, coverage, consistency: undefined, of_another_version: true },
    sqlite: undefined,
    issues: summary.issues,
    artifact: undefined,
    grade: 'stable',
  })
})

test('a summary that says nothing is one', () => {
  expect(runSummarySchema.parse({})).toEqual({})
})

import { expect, test } from 'vitest'
import { brakeText, deleteReasonText, keepReasonText } from '../../../src/core/retention-text.ts'

test('reasons read as half a sentence', () => {
  expect(keepReasonText({ rule: 'newest_good' })).toBe('the newest good artifact')
  expect(keepReasonText({ rule: 'keep_last', rank: 1 })).toBe('the last one')
  expect(keepReasonText({ rule: 'keep_last', rank: 3 })).toBe('number 3 of the last ones')
  expect(keepReasonText({ rule: 'keep_weekly', slot: '2026-W10' })).toBe('the best of the week 2026-W10')
  expect(keepReasonText({ rule: 'suspicious' })).toBe('suspicious, and no person has judged it yet')
  expect(deleteReasonText({ rule: 'keep_daily', slot: '2026-03-07' })).toBe('enough newer days than 2026-03-07 are kept')
  expect(deleteReasonText({ rule: 'keep_daily', slot: '2026-03-07', kept_instead: 'b' })).toBe('b is kept for the day 2026-03-07')
  expect(deleteReasonText({ rule: 'keep_days', slot: '2026-03-07' })).toBe('too old: of 2026-03-07')
})

test('a brake says why it is on', () => {
  expect(brakeText({ kind: 'failing', run_ids: ['c', 'b', 'a'] })).toBe('the last 3 runs failed or did not get everything')
  const fell = { kind: 'files_fell', median: 1000, found: 400 } as const
  const vanished = { kind: 'mount_vanished', path: '/srv/data', unit: 'ext4:/dev/sdb' } as const
  expect(brakeText({ kind: 'suspicious', run_id: 'a', total: 1, suspicions: [fell, vanished] })).toBe(
    'a run found far less than the ones before: 400 files, where 1000 are normal; /srv/data was a mount of ext4:/dev/sdb, and is none any more',
  )
  expect(brakeText({ kind: 'suspicious', run_id: 'a', total: 3, suspicions: [fell] })).toContain(', and 2 more like it')
  expect(brakeText({ kind: 'clock', from: 0, to: 86_400_000 })).toBe(
    'the clock of the Hub jumped from 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z',
  )
  expect(brakeText({ kind: 'deletes', target_id: 't', run_id: 'a', at: 0, total: 2, error: 'refused' })).toBe(
    '2 artifacts could not be deleted from the target: refused',
  )
})

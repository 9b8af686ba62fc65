import { expect, test } from 'vitest'
import { changedFields } from '../../web/src/features/jobs/job-changes.ts'
import { aJobSpec } from '../support/hub-records.ts'

test('every field of a job that is not as it was is told, and no other', () => {
  const before = aJobSpec()
  expect(changedFields(before, structuredClone(before))).toEqual([])
  const after = structuredClone(before)
  after.schedule = '0 3 * * *'
  after.pipeline.encryption = { type: 'age_x25519', key_name: 'default' }
  after.target = { type: 'webdav', base_url: 'https://dav.example.org/b' } as typeof after.target
  if (after.source.type === 'filesystem') after.source.exclude = ['*.tmp']
  after.source.hooks = { before: { command: ['/bin/true'], timeout_s: 60, on_failure: 'fail' } }
  after.retention = { ...after.retention, mode: 'inherit' }
  const changes = Object.fromEntries(changedFields(before, after).map(({ path, before: old, after: now }) => [path, [old, now]]))
  expect(changes).toMatchObject({
    schedule: [null, '0 3 * * *'],
    'pipeline.encryption': [{ type: 'none' }, { type: 'age_x25519', key_name: 'default' }],
    'source.exclude': [[], ['*.tmp']],
    'source.hooks.before.command': [undefined, ['/bin/true']],
    'target.type': ['local_dir', 'webdav'],
    'target.path': ['/backups', undefined],
    'target.base_url': [undefined, 'https://dav.example.org/b'],
  })
  expect(Object.keys(changes)).toHaveLength(9)
  // And back again.
  expect(
    changedFields(after, before)
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(Object.keys(changes).toSorted())
})

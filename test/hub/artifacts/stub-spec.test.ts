import { expect, test } from 'vitest'
import { stubSpec } from '../../../src/hub/artifacts/stub-spec.ts'
import { unmeasurable } from '../../support/fuzz/mutate-json.ts'

const known = {
  jobId: '0192f0c1-2d6e-7a3b-8c4d-5e6f70819293',
  nodeId: 'hub',
  target: { type: 'local_dir' as const, path: '/backups' },
  format: 'archive_v1' as const,
  isEncrypted: false,
}

test('a job is known again by what its artifacts say of it', () => {
  const source = { type: 'filesystem', paths: ['/etc'] }
  const spec = stubSpec({ ...known, job: { name: ' letters ', spec: { source, pipeline: { format: 'raw_tree_v1' } } } })
  expect(spec).toMatchObject({ name: 'letters', schedule: null, source, pipeline: { format: 'raw_tree_v1' }, target: known.target })
})

test.each<[string, Record<string, unknown>]>([
  ['nothing', {}],
  ['values of other types', { source: 5, pipeline: null }],
  [
    'lengths that are no numbers',
    { source: { type: 'filesystem', paths: unmeasurable }, pipeline: { format: 'archive_v1', recipients: unmeasurable } },
  ],
  ['a source that is a length', { source: unmeasurable, pipeline: unmeasurable }],
])('a job whose artifacts say %s has a source that is nowhere', (_, spec) => {
  expect(stubSpec({ ...known, job: { name: '', spec } })).toMatchObject({
    name: known.jobId,
    source: { paths: [`/the-source-of-${known.jobId}-is-not-known`] },
    pipeline: { format: 'archive_v1' },
  })
})

test.each([
  ['a name', 'vault', 'vault'],
  ['no name', undefined, 'default'],
  ['what is no name', '../', 'default'],
])('a key with %s', (_, encryption_key, key_name) => {
  const pipeline = { format: 'archive_v1', recipients: [`age1${'q'.repeat(58)}`], encryption_key }
  const spec = stubSpec({ ...known, job: { name: 'letters', spec: { pipeline } } })
  expect(spec.pipeline).toMatchObject({ encryption: { type: 'age_x25519', key_name } })
})

test('what was encrypted stays so where nobody can read how', () => {
  expect(stubSpec({ ...known, isEncrypted: true, job: undefined }).pipeline).toMatchObject({
    encryption: { type: 'age_x25519', key_name: 'default' },
  })
})

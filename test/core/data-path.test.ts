import { describe, expect, test } from 'vitest'
import { type PlaceFacts, planDataPath } from '../../src/core/data-path.ts'
import { filesystemSourceSchema } from '../../src/core/filesystem-source.ts'
import { pipelineSpecSchema } from '../../src/core/pipeline-spec.ts'

const source = filesystemSourceSchema.parse({ type: 'filesystem', paths: ['/srv'] })
const recipient = `age1${'q'.repeat(58)}`

const folder: PlaceFacts = { label: '/backups', streamingPut: true, durablePut: true, realTree: true, inPlace: true, flushes: true }
const throttledFolder: PlaceFacts = { ...folder, inPlace: false }
const exactStore: PlaceFacts = {
  label: 's3://bucket',
  streamingPut: true,
  durablePut: true,
  names: { caseSensitive: true, exactUnicode: true, controlCharacters: true },
  inPlace: false,
  flushes: false,
}
const unknownServer: PlaceFacts = { label: 'webdav+https://host', inPlace: false, flushes: false }

describe('the path of the data', () => {
  test.each([
    ['archive_v1', folder, 'archive', 'keep'],
    ['archive_v1', unknownServer, 'archive', 'keep'],
    ['raw_tree_v1', folder, 'tree_in_place', 'keep'],
    ['raw_tree_v1', throttledFolder, 'tree_objects', 'keep'],
    ['raw_tree_v1', exactStore, 'tree_objects', 'copy'],
    ['raw_tree_v1', unknownServer, 'tree_objects', 'copy'],
  ] as const)('of %s to %o is %s, with hard links as %s', (format, place, path, hardlinks) => {
    const plan = planDataPath(source, pipelineSpecSchema.parse({ format }), place)
    expect(plan).toMatchObject({ path, hardlink_policy: hardlinks })
    for (const { what, choice, why } of plan.decisions) for (const text of [what, choice, why]) expect(text).toMatch(/\S/)
    expect(new Set(plan.decisions.map(({ what }) => what)).size).toBe(plan.decisions.length)
  })

  test.each([
    ['archive_v1', folder, 'staging', 'none'],
    ['archive_v1', unknownServer, 'staging', 'memory'],
    ['archive_v1', folder, 'durability', 'one flush before the complete marker'],
    ['archive_v1', exactStore, 'durability', 'each object as it is stored'],
    ['raw_tree_v1', unknownServer, 'durability', 'as the target does it'],
    ['raw_tree_v1', folder, 'odd names', 'those the filesystem refuses'],
    ['raw_tree_v1', exactStore, 'odd names', 'those that are no text'],
    ['raw_tree_v1', folder, 'directories and links', 'made for real'],
    ['raw_tree_v1', exactStore, 'directories and links', 'in the index only'],
  ] as const)('of %s to %o decides on %s: %s', (format, place, what, choice) => {
    const { decisions } = planDataPath(source, pipelineSpecSchema.parse({ format }), place)
    expect(decisions.find((decision) => decision.what === what)?.choice).toBe(choice)
  })

  test('names what an unknown place may mix up', () => {
    const { decisions } = planDataPath(source, pipelineSpecSchema.parse({ format: 'raw_tree_v1' }), unknownServer)
    expect(decisions.find(({ what }) => what === 'odd names')?.choice).toBe(
      'those that are no text, names that differ in case only, names in another form than NFC, control characters',
    )
  })

  test('keeps to a policy that was asked for', () => {
    for (const hardlink_policy of ['keep', 'copy'] as const) {
      for (const place of [folder, unknownServer]) {
        const plan = planDataPath({ ...source, hardlink_policy }, pipelineSpecSchema.parse({ format: 'raw_tree_v1' }), place)
        expect(plan.hardlink_policy).toBe(hardlink_policy)
        expect(plan.decisions.find(({ what }) => what === 'hard links')?.why).toBe('asked for')
      }
    }
  })

  test.each(['off', 'auto', 'required'] as const)('says how the source is read with snapshot_mode %s', (snapshot_mode) => {
    const { decisions } = planDataPath({ ...source, snapshot_mode }, pipelineSpecSchema.parse({}), folder)
    expect(decisions[0]).toMatchObject({ what: 'source', choice: expect.stringMatching(snapshot_mode === 'off' ? /^read live$/ : /snapshot/) })
  })
})

describe('an encrypted tree', () => {
  test('is refused where a job is checked, and once more where its path is planned', () => {
    const asked = { format: 'raw_tree_v1', recipients: [recipient] } as const
    expect(pipelineSpecSchema.safeParse(asked).error?.issues).toMatchObject([
      { path: ['recipients'], message: expect.stringContaining('archive_v1') },
    ])
    const unchecked = { ...pipelineSpecSchema.parse({ format: 'raw_tree_v1' }), recipients: [recipient] }
    expect(() => planDataPath(source, unchecked, folder)).toThrow(/cannot encrypt/)
  })
})

import { expect, test } from 'vitest'
import type { FileVersion } from '../../src/core/file-version.ts'
import { versionSpans, versionStep } from '../../src/core/version-spans.ts'

const file = (hash: string | undefined, more: Partial<FileVersion & { state: 'file' }> = {}) =>
  ({ state: 'file', size: 3, mtime_ns: '0', ...(hash !== undefined && { hash: hash.repeat(64) }), ...more }) as const
const absent = { state: 'absent' } as const
const dir = { state: 'other', kind: 'dir' } as const
const unreadable = (message: string) => ({ state: 'unreadable', error: { code: 'artifact_damaged', message, hint: '' } }) as const

test.each([
  ['same', file('a'), file('a', { mtime_ns: '9', grade: 'torn' })],
  ['changed', file('a'), file('b')],
  ['changed', file(undefined), file(undefined, { size: 4 })],
  ['unknown', file('a'), file(undefined)],
  ['unknown', file(undefined), file(undefined)],
  ['same', file('a', { sparse: true }), file('a', { sparse: true })],
  ['unknown', file('a', { sparse: true }), file('b', { sparse: true })],
  ['unknown', file('a', { sparse: true }), file('a')],
  ['unknown', file('a'), file('b', { sparse: true })],
  ['changed', file('a', { sparse: true }), file('a', { size: 4 })],
  ['appeared', file('a'), absent],
  ['appeared', file('a'), dir],
  ['unknown', file('a'), unreadable('')],
] as const)('content is %s', (step, version, older) => {
  expect(versionStep(version, older)).toBe(step)
})

test('neighbours of which the same is to be said are one span, and each span says how it stands to the next older one', () => {
  const found: FileVersion[] = [
    unreadable('x'),
    file('c'),
    file('b'),
    file('b', { mtime_ns: '5' }),
    file('b'),
    unreadable('x'),
    unreadable('x'),
    unreadable('y'),
    file('b'),
    dir,
    absent,
    absent,
    file('a'),
    file('a'),
  ]
  const spans = versionSpans(found.map((version, at) => ({ version, at })))
  expect(spans.map(({ versions, step }) => [versions.map(({ at }) => at), step])).toEqual([
    [[0], null],
    [[1], 'changed'],
    [[2, 3, 4], 'unknown'],
    [[5, 6], null],
    [[7], null],
    [[8], 'appeared'],
    [[9], null],
    [[10, 11], null],
    // Nobody has looked further back.
    [[12, 13], null],
  ])
  expect(versionSpans([])).toEqual([])
})

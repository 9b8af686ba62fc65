import { expect, test } from 'vitest'
import { compileEntrySearch } from '../../src/core/entry-search.ts'
import { patternOfPath } from '../../src/core/path-pattern.ts'
import { compilePathRules } from '../../src/core/path-rules.ts'

const entries: [path: string, isDirectory: boolean][] = [
  ['srv', true],
  ['srv/Photos', true],
  ['srv/Photos/2024', true],
  ['srv/Photos/2024/photo one.JPG', false],
  ['srv/photo.txt', false],
  ['srv/[odd]*', false],
]

test.each<[query: string, found: string[]]>([
  ['photo', ['srv/Photos', 'srv/Photos/2024/photo one.JPG', 'srv/photo.txt']],
  ['.jpg', ['srv/Photos/2024/photo one.JPG']],
  ['photos/2024', ['srv/Photos/2024', 'srv/Photos/2024/photo one.JPG']],
  ['/srv/ph', ['srv/Photos', 'srv/Photos/2024', 'srv/Photos/2024/photo one.JPG', 'srv/photo.txt']],
  ['*.txt', ['srv/photo.txt']],
  ['Photos*', ['srv/Photos']],
  ['/srv/*/2024', ['srv/Photos/2024']],
  ['\\[odd]\\*', ['srv/[odd]*']],
  ['absent', []],
])('%s finds what it says', (query, found) => {
  const isWanted = compileEntrySearch(query)
  expect(entries.filter(([path, isDirectory]) => isWanted(path, isDirectory)).map(([path]) => path)).toEqual(found)
})

test('a pattern that is none is refused', () => {
  expect(() => compileEntrySearch('[a')).toThrow(expect.objectContaining({ code: 'invalid_spec' }))
})

test.each(['/srv/[odd]*', '/srv/plain', '/srv/a\\b?', '/srv/!x', '/srv/**', '/srv/[!a-z]/x '])(
  'the pattern of the path %s matches it alone',
  (path) => {
    const rules = compilePathRules({ include: [patternOfPath(path)], exclude: [], roots: ['/'] })
    expect(rules.decide(path, false)).toBe('take')
    for (const other of ['/srv/o', '/srv/odd', '/srv/x/y', '/srv/a/x ', '/srv/axbc']) expect(rules.decide(other, false), other).not.toBe('take')
  },
)

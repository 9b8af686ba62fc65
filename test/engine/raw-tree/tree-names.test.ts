import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTreeNames } from '../../../src/engine/pipeline/tree-names.ts'
import { type NameRules, safestNames } from '../../../src/engine/targets/name-rules.ts'
import { toBytePath } from '../../../src/lib/byte-path.ts'
import { seed } from '../../support/seed.ts'

const anyName: NameRules = { maxSegmentBytes: 255, maxKeyBytes: 4000, caseSensitive: true, exactUnicode: true, controlCharacters: true }

/** A source in the order of its walk: directories end with a slash. What cannot stand under its own name. */
function oddOf(rules: NameRules, entries: readonly string[]): string[] {
  const names = createTreeNames(rules, 'job/run/data/')
  return entries.filter((entry) => !names.canHold(toBytePath(entry.replace(/\/$/, '')), entry.endsWith('/')))
}

describe('where every name is kept as it is', () => {
  test('only what is no text, and what is too long, is odd', () => {
    const names = createTreeNames(anyName, 'job/run/data/')
    expect(names.canHold('srv', true)).toBe(true)
    expect(names.canHold('srv/README', false)).toBe(true)
    expect(names.canHold('srv/caf\xe9', false)).toBe(false)
    expect(names.canHold('srv/dir\xe9', true)).toBe(false)
    expect(names.canHold('srv/dir\xe9/below', false)).toBe(false)
    expect(names.canHold('srv/line\nbreak', false)).toBe(true)
    expect(names.canHold(`srv/${'n'.repeat(256)}`, false)).toBe(false)
    expect(names.canHold('srv/readme', false)).toBe(true)
    expect(oddOf({ ...anyName, maxKeyBytes: 21 }, ['srv/', 'srv/fits', 'srv/fits!'])).toEqual(['srv/fits!'])
  })
})

describe('where nothing is known', () => {
  const cases: [what: string, entries: string[], odd: string[]][] = [
    ['of names that differ in case the first one in byte order is kept', ['README', 'Readme', 'other', 'readme'], ['Readme', 'readme']],
    ['case counts beyond ASCII', ['STRASSE', 'Straße', 'straße'], ['Straße', 'straße']],
    ['the same name in another directory is another name', ['a/', 'a/README', 'b/', 'b/readme'], []],
    ['a file and a directory are names alike', ['Src', 'src/', 'src/inside'], ['src/', 'src/inside']],
    ['below a directory that gives way everything does', ['A/', 'A/x', 'a/', 'a/y/', 'a/y/z'], ['a/', 'a/y/', 'a/y/z']],
    ['a directory keeps its name over siblings that come before its content', ['a/', 'a-b', 'a.c/', 'a.c/x', 'a/X', 'a/x'], ['a/x']],
    ['directories nobody listed are names too', ['srv/App/x', 'srv/app/y', 'srv/b'], ['srv/app/y']],
    ['one form of a letter is kept, the other is not', ['e\u0301', '\u00e9'], ['e\u0301']],
    ['control characters are odd', ['bell\x07', 'c1\u0085', 'line\nbreak', 'none'], ['bell\x07', 'c1\u0085', 'line\nbreak']],
    ['long names and long paths are odd', ['n'.repeat(201), `p${'/p'.repeat(500)}`, 'short'], ['n'.repeat(201), `p${'/p'.repeat(500)}`]],
    [
      'names that places keep for themselves are odd',
      ['.file.0123456789abcdef.tmp', '.htaccess', '.hidden'],
      ['.file.0123456789abcdef.tmp', '.htaccess'],
    ],
  ]
  test.each(cases)('%s', (_, entries, odd) => {
    expect(oddOf(safestNames, entries)).toEqual(odd)
  })

  test('no two paths that are kept are one path to a place that folds, and the first of each always is', () => {
    const segment = fc.constantFrom('a', 'A', 'b', 'B', 'a-', 'A.', '\u00e9', 'e\u0301', 'E\u0301', 'ss', '\u00df')
    const paths = fc.array(fc.array(segment, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(paths, (files) => {
        const kinds = new Map<string, boolean>()
        for (const segments of files) {
          for (let depth = 1; depth < segments.length; depth++) kinds.set(toBytePath(segments.slice(0, depth).join('/')), true)
          const path = toBytePath(segments.join('/'))
          kinds.set(path, kinds.get(path) ?? false)
        }
        const walk = [...kinds.keys()].toSorted()
        const names = createTreeNames(safestNames, 'job/run/data/')
        const fold = (path: string) => Buffer.from(path, 'latin1').toString().normalize('NFC').toUpperCase().toLowerCase()
        const kept = walk.filter((path) => names.canHold(path, kinds.get(path)!))
        expect(new Set(kept.map(fold)).size).toBe(kept.length)
        // What is kept lies in directories that are.
        for (const path of kept) for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) expect(kept).toContain(path.slice(0, at))
      }),
      { seed, numRuns: 500 },
    )
  })
})

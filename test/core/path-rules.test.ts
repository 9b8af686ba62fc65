import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCode } from '../../src/core/errors.ts'
import { compilePathRules, type PathRulesSpec, type PathVerdict } from '../../src/core/path-rules.ts'

function rules(spec: Partial<PathRulesSpec>) {
  return compilePathRules({ include: [], exclude: [], roots: ['/srv'], ...spec })
}

/** A path that ends in "/" is a directory. */
function decide(spec: Partial<PathRulesSpec>, path: string): PathVerdict {
  const isDirectory = path.endsWith('/')
  return rules(spec).decide(isDirectory && path !== '/' ? path.slice(0, -1) : path, isDirectory)
}

describe('exclude', () => {
  // pattern, paths it excludes, paths it leaves; relative patterns against the source path /srv
  const table: [string, string[], string[]][] = [
    ['*.tmp', ['/srv/a.tmp', '/srv/x/y/.tmp', '/srv/d.tmp/', '/srv/d.tmp/inside'], ['/srv/a.tmpx', '/srv/tmp']],
    ['core', ['/srv/core', '/srv/a/core/', '/srv/a/core/b'], ['/srv/cores', '/srv/score']],
    ['cache/', ['/srv/cache/', '/srv/cache/x', '/srv/a/cache/x'], ['/srv/cache', '/srv/a/cache']],
    ['build/out', ['/srv/build/out', '/srv/build/out/x'], ['/srv/a/build/out', '/srv/build/', '/srv/build/other']],
    ['/srv/app/log', ['/srv/app/log', '/srv/app/log/1'], ['/srv/x/srv/app/log', '/srv/app/logs']],
    ['/srv/app', ['/srv/app', '/srv/app/'], ['/srv/', '/srv/b']],
    ['/*/app', ['/srv/app'], ['/srv/a/app']],
    ['a/*.log', ['/srv/a/x.log'], ['/srv/a/b/x.log', '/srv/x.log']],
    ['a*z', ['/srv/az', '/srv/abcz'], ['/srv/a', '/srv/a/z', '/srv/abczd']],
    ['ab*ba', ['/srv/abba', '/srv/ab-ba'], ['/srv/aba']],
    ['*ab*', ['/srv/ab', '/srv/xaby'], ['/srv/a-b']],
    ['a*b*c', ['/srv/abc', '/srv/a-b-b-c'], ['/srv/acb', '/srv/a-c']],
    ['?', ['/srv/a', '/srv/é', '/srv/😀'], ['/srv/ab', '/srv/ée']],
    ['a?c', ['/srv/abc', '/srv/a😀c'], ['/srv/ac', '/srv/a/c']],
    ['[a-c]x', ['/srv/ax', '/srv/cx'], ['/srv/dx', '/srv/-x']],
    ['[!a-c]x', ['/srv/dx', '/srv/😀x'], ['/srv/ax', '/srv/x']],
    ['[^a]', ['/srv/b'], ['/srv/a']],
    ['[]a]', ['/srv/]', '/srv/a'], ['/srv/b']],
    ['[!]a]', ['/srv/b'], ['/srv/]', '/srv/a']],
    ['[a-c-e]', ['/srv/b', '/srv/-', '/srv/e'], ['/srv/d']],
    ['[-a]', ['/srv/-', '/srv/a'], ['/srv/b']],
    ['[a\\]b]', ['/srv/]', '/srv/b'], ['/srv/\\']],
    ['[[:digit:]x]', ['/srv/7', '/srv/x'], ['/srv/:', '/srv/d']],
    ['[[:upper:][:space:]]', ['/srv/A', '/srv/ '], ['/srv/a']],
    ['[[:a]', ['/srv/[', '/srv/:', '/srv/a'], ['/srv/b']],
    ['[а-я]', ['/srv/ж'], ['/srv/a']],
    ['\\*', ['/srv/*'], ['/srv/a']],
    ['\\!a', ['/srv/!a'], ['/srv/a']],
    ['a\\/b', ['/srv/a/b'], ['/srv/a']],
    ['#a', ['/srv/#a'], ['/srv/a']],
    ['a ', ['/srv/a '], ['/srv/a']],
    ['**/log', ['/srv/log', '/srv/a/log', '/srv/a/b/log/x'], ['/srv/logs']],
    ['a/**', ['/srv/a/b', '/srv/a/b/c'], ['/srv/a/', '/srv/a', '/srv/b/a/c']],
    ['a/**/z', ['/srv/a/z', '/srv/a/b/z', '/srv/a/b/c/z'], ['/srv/a/zz', '/srv/b/a/z']],
    ['a/**/b/**/c', ['/srv/a/b/c', '/srv/a/x/b/y/y/c', '/srv/a/b/b/c/c'], ['/srv/a/c', '/srv/b/c']],
    ['a**z', ['/srv/az', '/srv/x/abz'], ['/srv/a/z']],
    ['x/a**z', ['/srv/x/abz'], ['/srv/x/a/z']],
    ['/**/z', ['/srv/z', '/srv/a/z'], ['/srv/za']],
    ['**', ['/srv/a', '/srv/b/c'], ['/srv/']],
    ['/srv/**', ['/srv/a', '/srv/b/c'], ['/srv/']],
    ['**/', ['/srv/a/', '/srv/a/b'], ['/srv/a']],
    ['A', ['/srv/A'], ['/srv/a']],
  ]
  test.each(table)('%s leaves out what it matches and nothing else', (pattern, excluded, left) => {
    expect(excluded.filter((path) => decide({ exclude: [pattern] }, path) !== 'skip')).toEqual([])
    expect(left.filter((path) => decide({ exclude: [pattern] }, path) !== 'take')).toEqual([])
  })

  test('the last pattern that matches decides', () => {
    const exclude = ['*.log', '!keep.log', '/srv/a/keep.log']
    expect(decide({ exclude }, '/srv/x.log')).toBe('skip')
    expect(decide({ exclude }, '/srv/keep.log')).toBe('take')
    expect(decide({ exclude }, '/srv/a/keep.log')).toBe('skip')
  })

  test('nothing below an excluded directory comes back, unless the directory itself does', () => {
    expect(decide({ exclude: ['a', '!a/keep'] }, '/srv/a/keep')).toBe('skip')
    expect(decide({ exclude: ['a/*', '!a/keep'] }, '/srv/a/keep')).toBe('take')
    expect(decide({ exclude: ['/srv/*', '!/srv/a/'] }, '/srv/a/b/c')).toBe('take')
    expect(decide({ exclude: ['/srv/*', '!/srv/a/'] }, '/srv/b/c')).toBe('skip')
  })

  test('a source path and what leads to it are never excluded', () => {
    const spec = { roots: ['/srv/build', '/srv/note.tmp'], exclude: ['build', '*.tmp', 'srv', '/srv'] }
    expect(decide(spec, '/')).toBe('descend')
    expect(decide(spec, '/srv/')).toBe('descend')
    expect(decide(spec, '/srv/build/')).toBe('take')
    expect(decide(spec, '/srv/build/a')).toBe('take')
    expect(decide(spec, '/srv/build/build')).toBe('skip')
    expect(decide(spec, '/srv/note.tmp')).toBe('take')
    expect(decide(spec, '/srv/other')).toBe('skip')
  })

  test('a source path inside an excluded directory of another one is still reached', () => {
    const spec = { roots: ['/srv', '/srv/cache/keep'], exclude: ['cache', 'keep/x'] }
    expect(decide(spec, '/srv/cache/')).toBe('descend')
    expect(decide(spec, '/srv/cache/other')).toBe('skip')
    expect(decide(spec, '/srv/cache/keep/')).toBe('take')
    expect(decide(spec, '/srv/cache/keep/a')).toBe('take')
    expect(decide(spec, '/srv/cache/keep/keep/x')).toBe('skip')
    expect(decide(spec, '/srv/keep/x')).toBe('skip')
  })

  test('a relative pattern counts from each source path', () => {
    const spec = { roots: ['/a/b/', '/c'], exclude: ['x/y'] }
    expect(decide(spec, '/a/b/x/y')).toBe('skip')
    expect(decide(spec, '/c/x/y')).toBe('skip')
    expect(decide(spec, '/c/d/x/y')).toBe('take')
  })

  test('with "/" as the source path everything is below it', () => {
    expect(decide({ roots: ['/'] }, '/')).toBe('take')
    expect(decide({ roots: ['/'], exclude: ['/proc', 'tmp/x'] }, '/proc/1')).toBe('skip')
    expect(decide({ roots: ['/'], exclude: ['/proc', 'tmp/x'] }, '/tmp/x')).toBe('skip')
    expect(decide({ roots: ['/'], exclude: ['/proc', 'tmp/x'] }, '/a/proc')).toBe('take')
  })
})

describe('include', () => {
  const table: [string[], Record<string, PathVerdict>][] = [
    [
      ['*.txt'],
      {
        '/srv/': 'descend',
        '/srv/a.txt': 'take',
        '/srv/a.bin': 'skip',
        '/srv/d/': 'descend',
        '/srv/d/e/f.txt': 'take',
        '/srv/d.txt/': 'take',
        '/srv/d.txt/x': 'take',
      },
    ],
    [
      ['a/b'],
      {
        '/srv/a/': 'descend',
        '/srv/a': 'skip',
        '/srv/b/': 'skip',
        '/srv/a/b': 'take',
        '/srv/a/b/': 'take',
        '/srv/a/b/c/d': 'take',
        '/srv/a/c/': 'skip',
      },
    ],
    [['a/**/c'], { '/srv/a/': 'descend', '/srv/a/x/y/': 'descend', '/srv/a/x/y/c': 'take', '/srv/b/': 'skip' }],
    [['a/**'], { '/srv/a/': 'descend', '/srv/a/x/': 'take', '/srv/a/x/y': 'take' }],
    [['docs/'], { '/srv/docs/': 'take', '/srv/docs': 'skip', '/srv/x/docs/y': 'take' }],
    [['/srv'], { '/srv/': 'take', '/srv/x/y': 'take' }],
    [['/srv/a'], { '/': 'descend', '/srv/': 'descend', '/srv/a': 'take', '/srv/b': 'skip', '/srv/b/': 'skip' }],
    [['srv'], { '/srv/': 'descend', '/srv/x': 'skip', '/srv/srv/x': 'take' }],
  ]
  test.each(table)('%j takes what it matches and leads there', (include, verdicts) => {
    for (const [path, verdict] of Object.entries(verdicts)) expect([path, decide({ include }, path)]).toEqual([path, verdict])
  })

  test('a directory above the source path counts when the pattern is absolute', () => {
    expect(decide({ roots: ['/srv/app'], include: ['/srv'] }, '/srv/app/x')).toBe('take')
    expect(decide({ roots: ['/srv/app'], include: ['srv'] }, '/srv/app/x')).toBe('skip')
  })

  test('an exclusion goes before an inclusion', () => {
    expect(decide({ include: ['a'], exclude: ['*.tmp'] }, '/srv/a/x.tmp')).toBe('skip')
    expect(decide({ include: ['*.tmp'], exclude: ['a/'] }, '/srv/a/x.tmp')).toBe('skip')
    expect(decide({ include: ['*.tmp'], exclude: ['a/'] }, '/srv/a/')).toBe('skip')
  })
})

describe('a pattern that is none', () => {
  const bad = ['', '/', '!', '!/', 'a[b', '[z-a]', '[[:nope:]]', 'a\\', 'a//b', '//a', 'a//', './a', 'a/../b', '..', 'a\0b', '[\\']
  test.each(bad)('%j is refused by name', (pattern) => {
    for (const list of ['include', 'exclude'] as const) {
      let caught: unknown
      try {
        rules({ [list]: ['fine', pattern] })
      } catch (error) {
        caught = error
      }
      if (!hasCode(caught, 'invalid_spec')) throw new Error(`${list}: not refused`, { cause: caught })
      expect(caught.message).toContain(`${list} pattern ${JSON.stringify(pattern)}`)
    }
  })

  test('"!" is refused in an include list, and a relative source path', () => {
    expect(() => rules({ include: ['!a'] })).toThrow(/include pattern "!a"/)
    expect(() => rules({ roots: ['srv'] })).toThrow(/"srv" is not absolute/)
  })
})

test('hostile patterns end', () => {
  const name = 'a'.repeat(4000)
  expect(decide({ exclude: ['*a'.repeat(2000) + '*b'] }, `/srv/${name}`)).toBe('take')
  expect(decide({ exclude: ['*a?[a]'.repeat(600) + '*b'] }, `/srv/${name}`)).toBe('take')
  expect(decide({ exclude: ['**/a/'.repeat(400) + 'b'] }, `/srv${'/a'.repeat(1000)}`)).toBe('take')
  expect(decide({ exclude: ['**/*a*a*a*a*b/'.repeat(50) + 'c'] }, `/srv${`/${'a'.repeat(200)}`.repeat(50)}`)).toBe('take')
})

test('any text either is a pattern or is refused, and matching ends', () => {
  const hostile = fc.string({ unit: fc.constantFrom('*', '?', 'a', 'b', '[', ']', '!', '-', '/', '\\', '.', '😀', '**/'), maxLength: 60 })
  fc.assert(
    fc.property(
      fc.array(hostile, { maxLength: 4 }),
      fc.string({ unit: fc.constantFrom('a', 'b', '/a', '-', '😀'), maxLength: 200 }),
      (exclude, tail) => {
        try {
          expect(['take', 'skip']).toContain(decide({ exclude }, `/srv/x${tail}`))
        } catch (error) {
          if (!hasCode(error, 'invalid_spec')) throw error
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('the verdict does not depend on what was asked before', () => {
  const names = fc.constantFrom('a', 'b', 'ab')
  const paths = fc.array(fc.tuple(fc.array(names, { maxLength: 4 }), fc.boolean()), { minLength: 1, maxLength: 20 })
  const patterns = fc.array(fc.constantFrom('a', 'a/b', 'b/', '/r/a/b', '!b', '!a/b', '**/ab', 'a/**', '/r/q/a', 'a/**/b'), { maxLength: 4 })
  fc.assert(
    fc.property(paths, patterns, patterns, (asked, exclude, include) => {
      const spec = { roots: ['/r', '/r/a/b', '/s'], exclude, include: include.filter((pattern) => !pattern.startsWith('!')) }
      const used = rules(spec)
      for (const [parts, isDirectory] of asked) {
        const path = `/r${parts.map((part) => `/${part}`).join('')}`
        expect(used.decide(path, isDirectory)).toBe(rules(spec).decide(path, isDirectory))
      }
    }),
  )
})

describe('git check-ignore', () => {
  let repository: string
  const paths: string[] = []

  beforeAll(() => {
    repository = mkdtempSync(join(tmpdir(), 'bastion-path-rules-'))
    execFileSync('git', ['init', '--quiet', repository])
    const names = ['a', 'b', 'ab', 'a-b', 'a.b', '!a', 'a*', ']']
    const fill = (directory: string, depth: number) => {
      for (const [index, name] of names.entries()) {
        const path = `${directory}${name}`
        if (depth < 3 && index % 2 === depth % 2) {
          paths.push(`${path}/`)
          fill(`${path}/`, depth + 1)
        } else {
          paths.push(path)
        }
      }
    }
    fill('', 0)
    for (const path of paths) {
      if (path.endsWith('/')) continue
      mkdirSync(join(repository, dirname(path)), { recursive: true })
      writeFileSync(join(repository, path), '')
    }
  })

  afterAll(() => {
    rmSync(repository, { recursive: true, force: true })
  })

  function ignoredByGit(patterns: string[]): string[] {
    writeFileSync(join(repository, '.gitignore'), patterns.map((pattern) => `${pattern}\n`).join(''))
    // Without a slash at the end: git then looks at the disk itself for what is a directory.
    const input = paths.map((path) => path.replace(/\/$/, '')).join('\0')
    const asked = spawnSync('git', ['-c', 'core.excludesFile=/dev/null', 'check-ignore', '--no-index', '--stdin', '-z'], { cwd: repository, input })
    if (asked.status !== 0 && asked.status !== 1) throw new Error(asked.stderr.toString())
    return asked.stdout.toString().split('\0').filter(Boolean).sort()
  }

  function ignoredByUs(patterns: string[]): string[] | null {
    try {
      const compiled = rules({ roots: ['/'], exclude: patterns })
      const skipped = paths.filter((path) => compiled.decide(`/${path.replace(/\/$/, '')}`, path.endsWith('/')) === 'skip')
      return skipped.map((path) => path.replace(/\/$/, '')).sort()
    } catch (error) {
      if (hasCode(error, 'invalid_spec')) return null
      throw error
    }
  }

  test('agrees with us on random patterns and trees', () => {
    const piece = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'ab', 'a-b', 'a.b') },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          '*',
          '?',
          '**',
          'a*',
          '*b',
          '*-*',
          '[a-b]',
          '[!a]',
          '[]]',
          '[a-]',
          '[[:alpha:]]',
          '[a-b-]*',
          '[+--]',
          '\\!a',
          'a\\*',
          '*\\*',
        ),
      },
      {
        weight: 1,
        arbitrary: fc
          .string({ unit: fc.constantFrom('a', 'b', '*', '?', '[', ']', '-', '!', '\\', '.', '^'), minLength: 1, maxLength: 6 })
          // One character before two asterisks at a pattern's begin (`a**/`) is read by git as if it were a slash, against its manual: "other consecutive asterisks are
          // considered regular asterisks".
          .filter((text) => !/^.\*\*/.test(text)),
      },
    )
    const pattern = fc
      .tuple(
        fc.constantFrom('', '', '', '!'),
        fc.constantFrom('', '', '/'),
        fc.array(piece, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('', '', '/'),
      )
      .map(([negation, anchor, pieces, end]) => negation + anchor + pieces.join('/') + end)
    let compared = 0
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 5 }), (patterns) => {
        const ours = ignoredByUs(patterns)
        if (ours === null) return
        compared++
        expect(ours).toEqual(ignoredByGit(patterns))
      }),
      { numRuns: 400 },
    )
    expect(compared).toBeGreaterThan(150)
  })
})

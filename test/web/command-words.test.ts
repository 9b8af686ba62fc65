import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commandText, commandWords } from '../../web/src/features/jobs/command-words.ts'
import { seed } from '../support/seed.ts'

test('a command is parted into words as a shell parts it', () => {
  const cases: Record<string, string[] | null> = {
    '': [],
    '  /bin/a  b\tc\n d ': ['/bin/a', 'b', 'c', 'd'],
    '/bin/a \'b c\' "d e"': ['/bin/a', 'b c', 'd e'],
    [String.raw`/bin/a b\ c \\ \' \"`]: ['/bin/a', 'b c', '\\', "'", '"'],
    [String.raw`"a \" b \\ c \d" '\n'`]: ['a " b \\ c \\d', '\\n'],
    'a\'b\'"c"d': ['abcd'],
    '\'\' ""': ['', ''],
    "it's": null,
    '"open': null,
    'ends in \\': null,
  }
  expect(Object.fromEntries(Object.keys(cases).map((text) => [text, commandWords(text)]))).toEqual(cases)
})

test('what is written of a command gives its words again, here and in a shell', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0'))
  const property = fc.property(fc.array(word, { maxLength: 6 }), (words) => {
    expect(commandWords(commandText(words))).toEqual(words)
  })
  fc.assert(property, { seed })
  const some = ['plain', 'two words', "it's", '"', '\\', '$HOME', '*', '', 'line\nbreak', '雪']
  const said = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${commandText(some)}`], { encoding: 'utf8' })
  expect(said.split('\0').slice(0, -1)).toEqual(some)
})

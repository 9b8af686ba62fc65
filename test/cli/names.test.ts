import { mkdirSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entryPathArgument } from '../../src/cli/arguments.ts'
import { entryText, printable, printableText } from '../../src/cli/entry-text.ts'
import type { IndexedEntry } from '../../src/engine/formats/entries-index-reader.ts'
import { toBytePath } from '../../src/lib/byte-path.ts'
import { type CliFolder, cliFolder } from '../support/cli-folder.ts'

// oxlint-disable-next-line no-control-regex -- those are what is looked for
const control = /[\x00-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]/

describe('a printed path', () => {
  test.each([
    ['plain/päth', toBytePath('plain/päth')],
    ['\\x1b[31mred', '\x1b[31mred'],
    ['two\\x0alines', 'two\nlines'],
    ['\\xff\\xfe', '\xff\xfe'],
    ['\\xc2\\x9b', toBytePath('\u009b')],
    ['\\xe2\\x80\\xae.txt', toBytePath('\u202e.txt')],
    ['a\\x5cx41', 'a\\x41'],
    ['a\\b', 'a\\b'],
  ])('%s', (text, path) => {
    expect(printable(path)).toBe(text)
  })

  test('holds nothing that a terminal obeys, and given as an argument names the same bytes again', () => {
    const segment = fc.oneof(
      fc.uint8Array({ min: 1, minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map(toBytePath),
      fc.constantFrom('\\x41', '\\', '\\x', '\x1b', '\xff', '\\x5c', toBytePath('\u0085')),
    )
    const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('').replace(/^\/+|\/+$|\0/g, ''))
    fc.assert(
      fc.property(path, (bytes) => {
        const text = printable(bytes)
        expect(text).not.toMatch(control)
        expect(entryPathArgument(text)).toBe(bytes)
      }),
    )
  })

  test('is found with and without its leading slash', () => {
    expect(entryPathArgument('/srv/app/')).toBe('srv/app')
    expect(entryPathArgument('srv/app')).toBe('srv/app')
  })
})

describe('a printed entry', () => {
  const entry: IndexedEntry = { path: 'f', bytes: 'f', kind: 'file', mode: 0o100644, uid: 1, gid: 2, mtime_ns: '0', size: 3 }

  test('cannot write to the screen through a user name either', () => {
    expect(entryText({ ...entry, user: 'ro\x1b[1mot', group: 'wheel' })).toContain('ro\\x1b[1mot:wheel')
  })

  test('may have a time beyond every calendar', () => {
    expect(entryText({ ...entry, mtime_ns: '9223372036854775807000000000' })).toContain(' @9223372036854775807 /f')
    expect(entryText({ ...entry, mtime_ns: '-1' })).toContain(' 1970-01-01 00:00:00 /f')
  })

  test('says which kind of device it is', () => {
    const device: IndexedEntry = { ...entry, kind: 'device', rdev: [1, 3] }
    expect(entryText({ ...device, device: 'block' })).toMatch(/^brw-/)
    expect(entryText({ ...device, device: 'char' })).toMatch(/^crw-/)
  })
})

describe('a name that tries to write to the screen', () => {
  const evil = 'evil\x1b[2J\nname'
  const shown = 'evil\\x1b[2J\\x0aname'
  let folder: CliFolder
  let artifact = ''
  beforeAll(async () => {
    folder = await cliFolder()
    folder.tree('src').file(evil, 'evil').file('\xff\xfe', 'no text').file('a\\x41', 'backslash').finish()
    artifact = await folder.backup(['src'])
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  test('is shown harmless by ls and find, one line an entry', async () => {
    for (const args of [
      ['ls', artifact, folder.at('src')],
      ['find', 'backups', 'evil*'],
    ]) {
      const { stdout } = await folder.ok(args)
      expect(stdout).toContain(`/src/${shown}\n`)
      expect(stdout.replaceAll('\n', '')).not.toMatch(control)
    }
  })

  test('is read by what was shown of it', async () => {
    expect((await folder.ok(['cat', artifact, `${folder.path}/src/${shown}`])).stdout).toBe('evil')
    expect((await folder.ok(['cat', artifact, `${folder.path}/src/\\xff\\xfe`])).stdout).toBe('no text')
    expect((await folder.ok(['cat', artifact, `${folder.path}/src/a\\x5cx41`])).stdout).toBe('backslash')
  })

  test('is harmless in errors and reports', async () => {
    const { stderr: absent } = await folder.run(['cat', artifact, `absent${evil}`])
    expect(absent).toContain(`/absent${shown}`)
    mkdirSync(folder.at('out', folder.path, 'src', evil), { recursive: true })
    const { code, stderr: report } = await folder.run(['restore', artifact, '--to', 'out', '--conflict', 'overwrite'])
    expect(code).toBe(3)
    expect(report).toContain(shown)
    for (const text of [absent, report]) expect(text.replaceAll('\n', '')).not.toMatch(control)
  })

  test('is harmless where a file changed while it was read', async () => {
    const changing = folder.tree('changing').file(evil, 'x').finish()
    changing.file(evil, 'x', { mtimeNs: BigInt(Date.now() + 50_000) * 1_000_000n }).finish()
    const { stderr } = await folder.ok(['backup', 'changing', '--to', 'backups'], { codes: [3] })
    expect(stderr).toContain(shown)
    expect(stderr.replaceAll('\n', '')).not.toMatch(control)
  })
})

test('a message stays on its line', () => {
  expect(printableText('a\r\nb\tc – ü')).toBe('a\\x0d\\x0ab\\x09c – ü')
})

test('the file that says which targets are known must be one', async () => {
  await using folder = await cliFolder()
  folder.tree('src').file('a', 'a').finish()
  mkdirSync(folder.at('data'))
  writeFileSync(folder.at('data', 'known-targets.json'), '{"cut')
  const { code, stderr } = await folder.run(['backup', 'src', '--to', 'backups'])
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('known-targets.json cannot be understood') as unknown })
})

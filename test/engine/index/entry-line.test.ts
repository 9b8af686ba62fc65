import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Entry, entryKinds, entrySchema } from '../../../src/core/entry.ts'
import { BastionError } from '../../../src/core/errors.ts'
import { grades } from '../../../src/core/grade.ts'
import { closeEntryLine, entryLine, type EntryFields } from '../../../src/engine/formats/entry-line.ts'
import { checkIndexEntry } from '../../../src/engine/formats/index-entry.ts'
import { anyPath } from './index-fixture.ts'

const count = fc.maxSafeNat()
const anyText = fc.string({ unit: 'binary', maxLength: 8 })
const anyTarget = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('\0', '_'))

const anyFields: fc.Arbitrary<EntryFields> = fc.record(
  {
    path: anyPath,
    kind: fc.constantFrom(...entryKinds),
    mode: fc.nat(0o177777),
    uid: fc.nat(),
    gid: fc.nat(),
    mtimeNs: fc.bigInt({ min: -(10n ** 28n) + 1n, max: 10n ** 28n - 1n }),
    sizeBytes: count,
    hash: fc.stringMatching(/^[0-9a-f]{64}$/),
    user: anyText,
    group: anyText,
    target: anyTarget,
    device: fc.record({ type: fc.constantFrom('block', 'char'), major: fc.nat(), minor: fc.nat() }),
    object: fc.stringMatching(/^odd\/[0-9a-f]{32}$/),
    xattrs: fc.uniqueArray(fc.tuple(anyText, fc.uint8Array()), { selector: ([name]) => name, maxLength: 3 }),
    sparse: fc.boolean(),
    hardlinkGroup: anyText,
    grade: fc.constantFrom(...grades),
    flags: fc.array(anyText, { maxLength: 3 }),
    supersedes: fc.boolean(),
  },
  { requiredKeys: ['path', 'kind', 'mode', 'uid', 'gid', 'mtimeNs'] },
) as fc.Arbitrary<EntryFields>

test('a line says what it was given, whatever the bytes of its names', () => {
  fc.assert(
    fc.property(anyFields, fc.option(fc.tuple(count, count)), (given, at) => {
      // Links have a target, and a hard link's is a path.
      const fields = given.kind === 'symlink' ? { target: 'x', ...given } : given.kind === 'hardlink' ? { ...given, target: given.path } : given
      const line = closeEntryLine(entryLine(fields), at)
      expect(line).not.toContain('\n')
      const { entry, bytes, unknownFields } = checkIndexEntry(JSON.parse(line))
      expect(unknownFields).toBe(0)
      expect(bytes).toBe(fields.path)
      expect(entry?.targetBytes).toBe(fields.target)
      expect(entry?.kind).toBe(fields.kind)
      expect(entry?.mtime_ns).toBe(String(fields.mtimeNs))
      expect(entry?.at).toEqual(at ?? undefined)
      expect([entry?.size, entry?.hash, entry?.mode, entry?.uid, entry?.gid]).toEqual([
        fields.sizeBytes,
        fields.hash,
        fields.mode,
        fields.uid,
        fields.gid,
      ])
      expect([entry?.user, entry?.group, entry?.object]).toEqual([fields.user, fields.group, fields.object])
      expect([entry?.hardlink_group, entry?.grade]).toEqual([fields.hardlinkGroup, fields.grade])
      expect([entry?.device, entry?.rdev]).toEqual(
        fields.device ? [fields.device.type, [fields.device.major, fields.device.minor]] : [undefined, undefined],
      )
      expect([entry?.sparse, entry?.supersedes]).toEqual([fields.sparse || undefined, fields.supersedes || undefined])
      expect(entry?.flags ?? []).toEqual(fields.flags ?? [])
      const xattrs = Object.entries(entry?.xattrs ?? {}).map(([name, value]) => [name, new Uint8Array(Buffer.from(value, 'base64'))])
      expect(new Map(xattrs as [string, Uint8Array][])).toEqual(new Map(fields.xattrs ?? []))
      expect(entrySchema.safeParse(JSON.parse(line)).success).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('a name that is not UTF-8 stands readable and as bytes', () => {
  const line = closeEntryLine(entryLine({ path: 'a\xff', kind: 'file', mode: 0, uid: 0, gid: 0, mtimeNs: 0n }), null)
  expect(JSON.parse(line)).toEqual({ path: 'a\ufffd', path_b64: 'Yf8=', kind: 'file', mode: 0, uid: 0, gid: 0, mtime_ns: '0' })
})

describe('checking a line', () => {
  const valid: Entry = { path: 'a/b', kind: 'file', mode: 33188, uid: 0, gid: 0, mtime_ns: '0' }

  function isAccepted(line: unknown): boolean {
    try {
      checkIndexEntry(line)
      return true
    } catch (error) {
      if (error instanceof BastionError && error.code === 'artifact_damaged') return false
      throw error
    }
  }

  test('accepts and refuses what the schema does', () => {
    const values = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        false,
        0,
        -1,
        1.5,
        -0,
        2 ** 53,
        1e300,
        '',
        'a',
        'AA==',
        '=',
        'a b',
        'block',
        'char',
        'torn',
        'stable',
        '-1',
        '--1',
      ),
      fc.constantFrom<unknown>(
        '1'.repeat(28),
        '1'.repeat(29),
        'f'.repeat(64),
        'F'.repeat(64),
        'f'.repeat(64) + '\n',
        '0\n',
        'AA==\n',
        'symlink',
        'dir',
        'hardlink',
      ),
      fc.constantFrom<unknown>([], [1], [1, 2], [1, 2, 3], [1, -2], ['a'], ['a', 1], {}, { a: 'AA==' }, { a: '?' }, { a: 1 }, [null], [[1, 2]]),
      fc.jsonValue({ maxDepth: 2 }),
    )
    const names = fc.constantFrom(...(Object.keys(entrySchema.shape) as (keyof Entry)[]))
    const changes = fc.array(fc.tuple(names, fc.oneof({ weight: 4, arbitrary: values }, { weight: 1, arbitrary: fc.constant(undefined) })), {
      maxLength: 3,
    })
    fc.assert(
      fc.property(changes, (changed) => {
        const line = JSON.parse(JSON.stringify({ ...valid, ...Object.fromEntries(changed) })) as Record<string, unknown>
        // What this version does not know, and the rules of paths and links, are no matter of the schema.
        fc.pre(!['path', 'path_b64', 'object', 'kind'].some((name) => typeof line[name] === 'string' && line[name] !== valid[name as keyof Entry]))
        expect([line, isAccepted(structuredClone(line))]).toEqual([line, entrySchema.safeParse(line).success])
      }),
      { numRuns: 5000 },
    )
  })

  test('accepts every kind the schema has, and only skips others', () => {
    for (const kind of entryKinds) expect(checkIndexEntry({ ...valid, kind, target: 'x' }).entry?.kind).toBe(kind)
    expect(checkIndexEntry({ ...valid, kind: 'whiteout', mode: 'none' })).toEqual({ bytes: 'a/b', entry: null, unknownFields: 0 })
    expect(isAccepted({ ...valid, kind: 7 })).toBe(false)
  })

  test('takes away the fields it does not know and counts them', () => {
    const line: unknown = JSON.parse(JSON.stringify({ ...valid, from: 'r1', extra: {} }).replace('"extra"', '"__proto__"'))
    const { entry, unknownFields } = checkIndexEntry(line)
    expect(unknownFields).toBe(2)
    expect(entry).toEqual({ ...valid, bytes: 'a/b' })
  })

  const unsafe = ['', '/', '/a', 'a/', 'a//b', '.', '..', './a', '../a', 'a/..', 'a/../b', 'a/./b', 'a\0b', '\ud800', 'a/..\0', '//']
  test.each(unsafe)('refuses the path %j', (path) => {
    expect(isAccepted({ ...valid, path })).toBe(false)
    expect(isAccepted({ ...valid, kind: 'hardlink', target: path })).toBe(false)
    expect(isAccepted({ ...valid, object: path })).toBe(path === '\ud800')
    expect(isAccepted({ ...valid, kind: 'whiteout', path })).toBe(false)
    if (path.isWellFormed()) expect(isAccepted({ ...valid, path_b64: Buffer.from(path).toString('base64') })).toBe(false)
  })

  test('accepts names that only look like the refused ones', () => {
    for (const path of ['...', '..a', 'a..', '.a', 'a/...', 'a/..b/c', '-', ' ', '\n', '\\..\\']) expect(isAccepted({ ...valid, path })).toBe(true)
  })

  test('refuses a link without a target, and a symlink to nothing', () => {
    expect(isAccepted({ ...valid, kind: 'hardlink' })).toBe(false)
    expect(isAccepted({ ...valid, kind: 'symlink' })).toBe(false)
    expect(isAccepted({ ...valid, kind: 'symlink', target: '' })).toBe(false)
    expect(isAccepted({ ...valid, kind: 'symlink', target: 'a\0' })).toBe(false)
    expect(isAccepted({ ...valid, kind: 'symlink', target: '../../x' })).toBe(true)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTarget, redactTarget } from '../../../src/engine/targets/target-url.ts'
import { openTarget } from '../../../src/engine/targets/registry.ts'
import { targetConfigSchema } from '../../../src/protocol/target-descriptions.ts'
import { seed } from '../../support/seed.ts'

describe('a TARGET', () => {
  test.each([
    ['/backups', '/backups'],
    ['/backups/../srv//b/', '/srv/b'],
    ['backups', '/home/me/backups'],
    ['./backups', '/home/me/backups'],
    ['../backups', '/home/backups'],
    ['.', '/home/me'],
    ['./at:ten', '/home/me/at:ten'],
    ['a/at:ten', '/home/me/a/at:ten'],
    ['/mnt/a b%20c', '/mnt/a b%20c'],
    ['file:///backups', '/backups'],
    ['file://localhost/backups/', '/backups'],
    ['file:///a%20b/%C3%BC', '/a b/ü'],
    ['FILE:///backups', '/backups'],
  ])('%s is the folder %s', (text, path) => {
    expect(parseTarget(text, '/home/me')).toEqual({ type: 'local_dir', path })
  })

  test('memory: is memory', () => {
    expect(parseTarget('memory:', '/')).toEqual({ type: 'memory' })
  })

  test.each(['webdav+https://host/dir', 'webdav+http://host/dir', 'sftp://host/dir'])('%s is not in this build', (text) => {
    const scheme = text.slice(0, text.indexOf(':'))
    expect(() => parseTarget(text, '/')).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(`${scheme} targets`) }),
    )
  })

  test.each([
    '',
    'memory:x',
    'memory://x',
    'ftp://host/dir',
    'https://host/dir',
    'file://host/dir',
    'file:///a?b',
    'file:///a#b',
    'file:///a%2Fb',
    'file:///a%00',
    'file:/a',
    'user@host:dir',
    's3:bucket',
    'a\0b',
  ])('%j is refused', (text) => {
    expect(() => parseTarget(text, '/')).toThrow(expect.objectContaining({ code: 'invalid_spec' }))
  })

  test('that parses satisfies the schema of its driver, and opens', async () => {
    for (const [text, label] of [
      ['/backups', '/backups'],
      ['backups', '/home/me/backups'],
      ['file:///x', '/x'],
      ['memory:', 'memory:'],
      ['s3://ID:hunter2@bucket/a/b?endpoint=http://h:9000', 's3://bucket/a/b?endpoint=http://h:9000'],
      ['s3://bucket/', 's3://bucket'],
    ] as const) {
      const config = targetConfigSchema.parse(parseTarget(text, '/home/me'))
      const target = await openTarget(config, { clock: { now: () => 0 } })
      expect(target.label).toBe(label)
      await target.close()
    }
  })

  const bucket = { type: 's3', bucket: 'bucket', prefix: '', region: 'us-east-1', timeout_s: 60 }

  test.each([
    ['s3://bucket', {}, bucket],
    ['S3://bucket/', {}, bucket],
    ['s3://bucket/a/b%20c/', {}, { ...bucket, prefix: 'a/b c' }],
    ['s3://bucket/a@b', {}, { ...bucket, prefix: 'a@b' }],
    ['s3://bucket?endpoint=https://s3.example.org&region=eu-west-1', {}, { ...bucket, endpoint: 'https://s3.example.org', region: 'eu-west-1' }],
    ['s3://bucket/p?path_style=false', {}, { ...bucket, prefix: 'p', path_style: false }],
    [
      's3://AK:S%2FK%2B=@bucket',
      { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' },
      { ...bucket, access_key_id: 'AK', secret_access_key: 'S/K+=' },
    ],
    [
      's3://bucket',
      { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y', AWS_SESSION_TOKEN: 'z', AWS_REGION: 'eu-west-2', AWS_ENDPOINT_URL_S3: 'http://h' },
      { ...bucket, access_key_id: 'x', secret_access_key: 'y', session_token: 'z', region: 'eu-west-2', endpoint: 'http://h' },
    ],
    ['s3://bucket', { AWS_ACCESS_KEY_ID: 'x' }, bucket],
  ])('%s is a bucket, with what the environment adds', (text, env, config) => {
    expect(parseTarget(text, '/', env)).toEqual(config)
  })

  test.each([
    's3://',
    's3://b',
    's3:///prefix',
    's3://bucket/a//b',
    's3://bucket/../b',
    's3://bucket#a',
    's3://bucket/%zz',
    's3://bucket?endpoint=ftp://host',
    's3://bucket?endpoint=http://me:hunter2@host',
    's3://bucket?endpoint=http%3A%2F%2Fme%3Ahunter2%40host',
    's3://bucket?secret_access_key=hunter2',
    's3://bucket?path_style=maybe',
    's3://hunter2@bucket',
    's3://AK:hun/ter2@bucket',
    's3://AK:hunter2%zz@bucket',
  ])('%s is no bucket, and no message tells a secret', (text) => {
    try {
      parseTarget(text, '/')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_spec' })
      expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toMatch(/hunter2|ter2/)
    }
  })

  test('with half a pair of S3 keys does not open', async () => {
    const config = targetConfigSchema.parse({ type: 's3', bucket: 'bucket', access_key_id: 'x' })
    await expect(openTarget(config, { clock: { now: () => 0 } })).rejects.toMatchObject({ code: 'invalid_spec' })
  })

  test('that is refused never tells its password', () => {
    for (const text of [
      'sftp://me:hunter2@host/dir',
      'https://me:hunter2@host',
      'file://me:hunter2@host/dir',
      'gopher://me:hun/ter2@host',
      's3://:hunter2@b?x=y',
      'me:hunter2@host:dir',
    ]) {
      try {
        parseTarget(text, '/')
        expect.unreachable()
      } catch (error) {
        expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toMatch(/hunter2|ter2/)
      }
    }
  })
})

describe('redaction', () => {
  test.each([
    ['sftp://me:secret@host/dir', 'sftp://***@host/dir'],
    ['sftp://secret@host/dir', 'sftp://***@host/dir'],
    ['sftp://me:p@ss@host/dir', 'sftp://***@host/dir'],
    ['sftp://me:p/ss@host/dir', 'sftp://***@host/dir'],
    ['sftp://me:22/ss@host/dir', 'sftp://***@host/dir'],
    ['webdav+https://host:8443/dir', 'webdav+https://host:8443/dir'],
    ['webdav+https://host:8443/dir/job@latest', 'webdav+https://host:8443/dir/job@latest'],
    ['s3://bucket/dir/job@latest', 's3://bucket/dir/job@latest'],
    ['/backups/me:x@y', '/backups/me:x@y'],
    ['s3://bucket/dir/a@b', 's3://bucket/dir/a@b'],
    ['s3://AK:secret@bucket/dir?endpoint=http://h:1&region=x', 's3://***@bucket/dir?endpoint=http://h:1&region=x'],
    ['s3://bucket/dir?endpoint=http://h:1/job@latest', 's3://bucket/dir?endpoint=http://h:1/job@latest'],
    ['s3://bucket/dir?endpoint=http://me:secret@h', 's3://bucket/dir?***'],
    ['s3://bucket/dir?token=secret', 's3://bucket/dir?***'],
    ['s3://AK:sec?ret@bucket/dir', 's3://***@bucket/dir'],
    ['sftp://me:se cret@host/dir/job@latest', 'sftp://***@host/dir/job@latest'],
    ['me:secret@host:dir', '***@host:dir'],
    ['./me:x@y', './me:x@y'],
    ['file:///me:x@y', 'file:///me:x@y'],
  ])('of %s is %s', (text, redacted) => {
    expect(redactTarget(text)).toBe(redacted)
  })

  test('leaves nothing of any user and password, however they are written', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abc019.-_~!$&*+;=%/?#@: '.split('')), minLength: 1, maxLength: 12 }).map((text) => `S${text}S`)
    fc.assert(
      fc.property(word, word, (user, password) => {
        const shown = redactTarget(`sftp://${user.replace(/[/?#]/g, '')}:${password}@host/dir`)
        expect(shown).not.toContain(password)
      }),
      { seed },
    )
  })
})

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

  test.each([
    ['webdav+https://host/dir', 'https://host/dir'],
    ['webdav+http://host:8080', 'http://host:8080/'],
    ['WEBDAV+HTTPS://Host/a%20b/%C3%BC/', 'https://host/a%20b/%C3%BC/'],
    ['webdav+https://host/files/me@example.org', 'https://host/files/me@example.org'],
  ])('%s is WebDAV at %s', (text, baseUrl) => {
    expect(parseTarget(text, '/')).toEqual({ type: 'webdav', base_url: baseUrl, timeout_s: 60 })
  })

  test('has its WebDAV account in the URL, or else in the environment', () => {
    const env = { BASTION_WEBDAV_USERNAME: 'env', BASTION_WEBDAV_PASSWORD: 'secret' }
    const account = (text: string, given: Record<string, string> = env) => {
      const { username, password } = parseTarget(text, '/', given) as { username?: string; password?: string }
      return [username, password]
    }
    expect(account('webdav+https://host/dir')).toEqual(['env', 'secret'])
    expect(account('webdav+https://me@host/dir')).toEqual(['me', 'secret'])
    expect(account('webdav+https://me%40home:p%2Fw@host/dir')).toEqual(['me@home', 'p/w'])
    expect(account('webdav+https://me:p%w@host/dir', {})).toEqual(['me', 'p%w'])
    expect(account('webdav+https://host/dir', {})).toEqual([undefined, undefined])
  })

  test.each(['s3://bucket/prefix?endpoint=http://h', 'sftp://host/dir'])('%s is not in this build', (text) => {
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
    'webdav+https://',
    'webdav+https://host/dir?x=y',
    'webdav+https://host/dir#x',
    'webdav+https://us%3Aer:pw@host/dir',
  ])('%j is refused', (text) => {
    expect(() => parseTarget(text, '/')).toThrow(expect.objectContaining({ code: 'invalid_spec' }))
  })

  test.each([
    ['/backups', '/backups'],
    ['backups', '/home/me/backups'],
    ['file:///x', '/x'],
    ['memory:', 'memory:'],
    ['webdav+https://me:hunter2@host:8443/dir/', 'webdav+https://host:8443/dir'],
  ])('%s satisfies the schema of its driver, opens, and is called %s', async (text, label) => {
    const config = targetConfigSchema.parse(parseTarget(text, '/home/me'))
    const target = await openTarget(config, { clock: { now: () => 0 } })
    expect(target.label).toBe(label)
    await target.close()
  })

  test('that is refused never tells its password', () => {
    for (const text of [
      'sftp://me:hunter2@host/dir',
      'https://me:hunter2@host',
      'file://me:hunter2@host/dir',
      'gopher://me:hun/ter2@host',
      's3://:hunter2@b?x=y',
      'me:hunter2@host:dir',
      'webdav+https://me:22/hunter2@host/dir',
      'webdav+https://me:hunter2@host/dir?x',
      'webdav+https://us%3Aer:hunter2@host/dir',
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

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTarget, redactTarget } from '../../../src/engine/targets/target-url.ts'
import { openTarget } from '../../../src/engine/targets/registry.ts'
import { targetConfigSchema } from '../../../src/protocol/target-descriptions.ts'
import { seed } from '../../support/seed.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

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
    'sftp://host',
    'sftp:///dir',
    'sftp://host:0/dir',
    'sftp://host/dir#x',
    'sftp://host/%ff',
    'sftp://host/dir%00',
    'sftp://host/dir?host_key=MD5:aa',
    'sftp://host/dir?timeout_s=soon',
    'sftp://host/dir?password=hunter2',
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
    ['s3://ID:hunter2@bucket/a/b?endpoint=http://h:9000', 's3://bucket/a/b?endpoint=http://h:9000'],
    ['s3://bucket/', 's3://bucket'],
    ['sftp://me:hunter2@host/srv/b', 'sftp://host/srv/b'],
    ['sftp://me@[::1]:2222/~/b', 'sftp://[::1]:2222/~/b'],
    ['sftp://host/~', 'sftp://host/~'],
    ['sftp://host/', 'sftp://host/'],
  ])('%s satisfies the schema of its driver, opens, and is called %s', async (text, label) => {
    const config = targetConfigSchema.parse(parseTarget(text, '/home/me'))
    const target = await openTarget(config, { clock: { now: () => 0 } })
    expect(target.label).toBe(label)
    await target.close()
  })

  describe('on an SFTP server', () => {
    const hostKey = 'SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZ+DTMczCvj3/D2s'
    const sftp = (text: string, env: Record<string, string> = {}) => parseTarget(text, '/home/me', { BASTION_SFTP_USERNAME: 'env', ...env })

    test.each([
      ['sftp://host/dir', { host: 'host', port: 22, username: 'env', path: '/dir' }],
      ['sftp://me@host:2222/a/b/', { host: 'host', port: 2222, username: 'me', path: '/a/b' }],
      ['sftp://me%40home:p%2F%3Fw@host/%C3%BC%23', { username: 'me@home', password: 'p/?w', path: '/ü#' }],
      ['sftp://me@[2001:db8::1]/dir', { host: '2001:db8::1', path: '/dir' }],
      ['sftp://host/~/dir', { path: 'dir' }],
      ['sftp://host/~', { path: '.' }],
      ['sftp://host/~x', { path: '/~x' }],
      ['sftp://host/', { path: '/' }],
      [`sftp://host/dir?host_key=${hostKey}`, { path: '/dir', host_key: hostKey }],
      [`sftp://host/dir?host_key=${encodeURIComponent(`${hostKey},${hostKey}`)}`, { host_key: `${hostKey},${hostKey}` }],
      ['sftp://host/dir?timeout_s=90', { timeout_s: 90 }],
      [`sftp://host/?timeout_s=90&host_key=${hostKey},${hostKey}`, { path: '/', host_key: `${hostKey},${hostKey}`, timeout_s: 90 }],
    ])('%s is understood', (text, expected) => {
      expect(sftp(text)).toMatchObject({ type: 'sftp', ...expected })
    })

    test('takes from the environment what the URL does not say', async () => {
      await using folder = await temporaryFolder()
      await writeFile(join(folder.path, 'key'), 'the key')
      const env = {
        BASTION_SFTP_PASSWORD: 'hunter2',
        BASTION_SFTP_KEY_FILE: 'key',
        BASTION_SFTP_KEY_PASSPHRASE: 'sesame',
        BASTION_SFTP_HOST_KEY: hostKey,
        SSH_AUTH_SOCK: '/run/agent',
      }
      expect(parseTarget('sftp://host/dir', folder.path, { BASTION_SFTP_USERNAME: 'env', ...env })).toEqual({
        type: 'sftp',
        host: 'host',
        port: 22,
        username: 'env',
        path: '/dir',
        host_key: hostKey,
        private_key: 'the key',
        passphrase: 'sesame',
        agent_socket: '/run/agent',
        password: 'hunter2',
        timeout_s: 60,
      })
      const said = `sftp://me:other@host/dir?host_key=${hostKey.replace('u', 'v')}`
      expect(parseTarget(said, folder.path, env)).toMatchObject({ username: 'me', password: 'other', host_key: hostKey.replace('u', 'v') })
      expect(() => sftp('sftp://host/dir', { BASTION_SFTP_KEY_FILE: 'absent' })).toThrow(
        expect.objectContaining({ code: 'invalid_spec', message: expect.stringContaining('absent') }),
      )
    })
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
      'sftp://me:hunter2@host',
      'sftp://me:hunter2@host/dir?host_key=x',
      'sftp://host/dir?password=hunter2',
      'sftp://me:%hunter2@host/dir',
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
    ['s3://AK:secret@bucket/dir?endpoint=http://h:1&region=x', 's3://***@bucket/dir?endpoint=http://h:1&region=x'],
    ['s3://bucket/dir?endpoint=http://h:1/job@latest', 's3://bucket/dir?endpoint=http://h:1/job@latest'],
    ['s3://bucket/dir?endpoint=http://me:secret@h', 's3://bucket/dir?***'],
    ['s3://bucket/dir?token=secret', 's3://bucket/dir?***'],
    ['s3://AK:sec?ret@bucket/dir', 's3://***@bucket/dir'],
    ['sftp://me:se cret@host/dir/job@latest', 'sftp://***@host/dir/job@latest'],
    ['me:secret@host:dir', '***@host:dir'],
    ['./me:x@y', './me:x@y'],
    ['file:///me:x@y', 'file:///me:x@y'],
    ['sftp://me@host/dir?host_key=SHA256:x/y+z', 'sftp://***@host/dir?host_key=SHA256:x/y+z'],
    ['sftp://host/dir?password=secret', 'sftp://host/dir?***'],
    ['sftp://host/dir?host_key=x&secret', 'sftp://host/dir?***'],
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

import { execFile } from 'node:child_process'
import { link, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Target } from '../../../src/engine/targets/target.ts'
import { createRetryingTarget } from '../../../src/engine/targets/retrying-target.ts'
import { startOpenssh, whyNoOpenssh, type OpensshServer } from '../../support/servers/openssh-server.ts'
import { startPlainSftp } from '../../support/servers/plain-sftp-server.ts'
import { sftpTarget } from '../../support/servers/sftp-target.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const exec = promisify(execFile)

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part
}

async function read(target: Target, key: string): Promise<string> {
  let text = ''
  for await (const chunk of await target.get(key)) text += Buffer.from(chunk).toString('latin1')
  return text
}

async function keys(target: Target, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of target.list(prefix, { recursive: true })) found.push(key)
  return found.toSorted()
}

async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8)
}

const whyNot = whyNoOpenssh()
describe.skipIf(whyNot !== undefined)(`on OpenSSH${whyNot === undefined ? '' : ` (${whyNot})`}`, () => {
  let server: OpensshServer
  beforeAll(async () => {
    server = await startOpenssh()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let root: string
  let target: Target
  beforeEach(async () => {
    folder = await temporaryFolder(server.folder)
    root = path.join(folder.path, 'target')
    target = sftpTarget(server, { path: root })
  })
  afterEach(async () => {
    await target.close()
    await folder[Symbol.asyncDispose]()
  })

  test('the folder is not made by looking, and by the first put for nobody else to read', async () => {
    await target.stat('job/run/x')
    await expect(target.get('job/run/x')).rejects.toMatchObject({ code: 'target_not_found' })
    expect(await keys(target, '')).toEqual([])
    await target.remove('job/run/x')
    await target.removeTree('job')
    expect(await readdir(folder.path)).toEqual([])
    await target.put('job/run/x', Buffer.from('x'))
    expect([await modeOf(root), await modeOf(path.join(root, 'job/run')), await modeOf(path.join(root, 'job/run/x'))]).toEqual(['700', '700', '600'])
  })

  test('a folder may be named from where the account starts, and may be a link', async () => {
    const name = path.relative(process.env['HOME'] ?? '/root', folder.path)
    const relative = sftpTarget(server, { path: name })
    await relative.put('job/object', Buffer.from('x'))
    await relative.close()
    expect(await readFile(path.join(folder.path, 'job/object'), 'utf8')).toBe('x')
    await symlink(folder.path, path.join(folder.path, 'link'))
    const linked = sftpTarget(server, { path: path.join(folder.path, 'link') })
    expect(await read(linked, 'job/object')).toBe('x')
    await linked.close()
  })

  test('names are the bytes of their UTF-8, composed or not', async () => {
    const names = ['\u00fc', 'u\u0308', 'README', 'readme', '\ufffd', 'tab\tnewline\n', 'x'.repeat(255)]
    for (const [i, name] of names.entries()) await target.put(`job/${name}`, Buffer.from(String(i)))
    const onDisk = await readdir(path.join(root, 'job'), { encoding: 'buffer' })
    expect(onDisk.map((name) => name.toString('hex')).toSorted()).toEqual(names.map((name) => Buffer.from(name).toString('hex')).toSorted())
    for (const [i, name] of names.entries()) expect(await read(target, `job/${name}`)).toBe(String(i))
    expect(await keys(target, 'job')).toEqual(names.map((name) => `job/${name}`).toSorted())
    await expect(target.put(`job/${'x'.repeat(256)}`, Buffer.from('x'))).rejects.toMatchObject({ code: 'target_rejected' })
  })

  test('what put does not make is not listed: temporary files, links, pipes and names that are not UTF-8', async () => {
    await target.put('job/object', Buffer.from('x'))
    await symlink('object', path.join(root, 'job/link'))
    await exec('mkfifo', [path.join(root, 'job/pipe')])
    await writeFile(path.join(root, 'job/.object.0123456789abcdef.tmp'), '')
    await writeFile(Buffer.concat([Buffer.from(`${root}/job/`), Buffer.from([0xff])]), '')
    expect(await keys(target, '')).toEqual(['job/object'])
    expect(await target.stat('job/pipe')).toBe(null)
    await expect(target.get('job/pipe')).rejects.toMatchObject({ code: 'target_not_found' })
    await expect(target.put('job/.object.0123456789abcdef.tmp', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_rejected' })
  })

  describe('links that lead out of the target', () => {
    let outside: string
    beforeEach(async () => {
      outside = path.join(folder.path, 'outside')
      await mkdir(path.join(outside, 'run'), { recursive: true })
      await writeFile(path.join(outside, 'run/secret'), 'secret')
      await target.put('job/run/object', Buffer.from('x'))
    })

    test('are followed by no method', async () => {
      await symlink(outside, path.join(root, 'way'))
      await symlink(path.join(outside, 'run/secret'), path.join(root, 'job/run/leaf'))
      const refused = { code: 'target_rejected', message: expect.stringContaining('symbolic link') }
      for (const key of ['way/run/secret', 'way/run']) {
        await expect(target.get(key)).rejects.toMatchObject(refused)
        await expect(target.stat(key)).rejects.toMatchObject(refused)
        await expect(target.put(key, Buffer.from('y'))).rejects.toMatchObject(refused)
        await expect(target.remove(key)).rejects.toMatchObject(refused)
        await expect(target.removeTree(key)).rejects.toMatchObject(refused)
        await expect(keys(target, key)).rejects.toMatchObject(refused)
      }
      await expect(target.removeTree('way')).rejects.toMatchObject(refused)
      await expect(keys(target, 'way')).rejects.toMatchObject(refused)
      await expect(target.get('job/run/leaf')).rejects.toMatchObject(refused)
      await target.put('job/run/leaf', Buffer.from('instead of the link'))
      expect(await read(target, 'job/run/leaf')).toBe('instead of the link')
      expect(await readdir(path.join(outside, 'run'))).toEqual(['secret'])
      expect(await readFile(path.join(outside, 'run/secret'), 'utf8')).toBe('secret')
    })

    test('are removed with a tree, and what they lead to stays', async () => {
      await symlink(outside, path.join(root, 'job/run/to-directory'))
      await symlink(path.join(outside, 'run/secret'), path.join(root, 'job/run/to-file'))
      await symlink('/nowhere', path.join(root, 'job/run/dangling'))
      expect(await target.removeTree('job')).toEqual({ objects: 4 })
      expect(await readdir(root)).toEqual([])
      expect(await readFile(path.join(outside, 'run/secret'), 'utf8')).toBe('secret')
    })
  })

  test('a tree of many directories and of a directory with many names goes whole', async () => {
    for (let i = 0; i < 30; i++) await mkdir(path.join(root, `job/run/${i % 3}/${i}/deep/er`), { recursive: true })
    for (let i = 0; i < 700; i++) await writeFile(path.join(root, `job/run/1/${i}.file`), '')
    expect((await keys(target, 'job')).length).toBe(700)
    expect(await target.removeTree('job/run')).toEqual({ objects: 700 })
    expect(await readdir(path.join(root, 'job'))).toEqual([])
  })

  test('a name that cannot be sent stops the removal of its tree and says which', async () => {
    await target.put('job/run/object', Buffer.from('x'))
    await writeFile(Buffer.concat([Buffer.from(`${root}/job/run/`), Buffer.from([0xff])]), '')
    await expect(target.removeTree('job')).rejects.toMatchObject({ code: 'target_rejected', message: expect.stringContaining('not UTF-8') })
  })

  test('a folder that vanishes while it is used is not made again', async () => {
    await target.put('job/run/part1', Buffer.from('x'))
    // What an unmounted disk leaves: an empty folder of the same name.
    await rename(root, `${root}.away`)
    await mkdir(root)
    const gone = { code: 'target_identity', retryable: false }
    await expect(target.put('job/run/part2', Buffer.from('y'))).rejects.toMatchObject(gone)
    await expect(target.put('job/run/deeper/part2', Buffer.from('y'))).rejects.toMatchObject(gone)
    expect(await readdir(root)).toEqual([])
    await rm(root, { recursive: true })
    await expect(target.put('other/run/part1', Buffer.from('y'))).rejects.toMatchObject(gone)
    expect(await readdir(folder.path)).toEqual(['target.away'])
  })

  test('an object that becomes shorter while it is read is an error, not an end', async () => {
    await target.put('job/object', Buffer.alloc(9_000_000, 'x'))
    const reading = (async () => {
      let cut = false
      for await (const _ of await target.get('job/object')) {
        if (!cut) await exec('truncate', ['-s', '100', path.join(root, 'job/object')])
        cut = true
      }
    })()
    await expect(reading).rejects.toMatchObject({ code: 'target_rejected', message: expect.stringContaining('shorter') })
  })

  test('chunks of a body are let go of once they are written, each byte once', async () => {
    const bodies = [100, 300_000, 261_120, 261_121, 5, 1_000_000].map((size, i) => Buffer.alloc(size, i + 1))
    const done = new Map<ArrayBufferLike, number>()
    const onChunkDone = (slice: Uint8Array): void => void done.set(slice.buffer, (done.get(slice.buffer) ?? 0) + slice.length)
    const separate = bodies.map((body) => new Uint8Array(body))
    await target.put('job/object', chunks(...separate), { onChunkDone })
    expect(separate.map(({ buffer }) => done.get(buffer))).toEqual(bodies.map(({ length }) => length))
    expect(await readFile(path.join(root, 'job/object'))).toEqual(Buffer.concat(bodies))
  })

  test('memory of a chunk that is let go of may be freed at once', async () => {
    const parts = Array.from({ length: 9 }, (_, i) => new Uint8Array(300_000).fill(i))
    const expected = Buffer.concat(parts)
    const left = new Map(parts.map(({ buffer, length }) => [buffer as ArrayBufferLike, length]))
    const onChunkDone = (slice: Uint8Array): void => {
      const { buffer, length } = slice
      left.set(buffer, left.get(buffer)! - length)
      if (left.get(buffer) === 0) (buffer as ArrayBuffer).transfer(0)
    }
    await target.put('job/object', chunks(...parts), { onChunkDone })
    expect(await readFile(path.join(root, 'job/object'))).toEqual(expected)
  })

  test('a hard link that another made of the object does not follow what is put later', async () => {
    await target.put('job/object', Buffer.from('old'))
    await link(path.join(root, 'job/object'), path.join(folder.path, 'kept'))
    await target.put('job/object', Buffer.from('new'))
    expect(await readFile(path.join(folder.path, 'kept'), 'utf8')).toBe('old')
  })
})

describe('on a server without extensions', () => {
  test('an object that is replaced leaves nothing beside it', async () => {
    await using server = await startPlainSftp()
    await using folder = await temporaryFolder()
    const target = sftpTarget(server, { path: folder.path })
    await target.put('job/object', Buffer.from('old'))
    await target.put('job/object', Buffer.from('new'))
    expect(await readFile(path.join(folder.path, 'job/object'), 'utf8')).toBe('new')
    expect(await readdir(path.join(folder.path, 'job'))).toEqual(['object'])
    await target.close()
  })

  test('one that takes small requests only gets large bodies whole', async () => {
    await using server = await startPlainSftp()
    await using folder = await temporaryFolder()
    const target = sftpTarget(server, { path: folder.path })
    const body = Buffer.alloc(1_500_000, 'abcdefg')
    await target.put('job/object', body)
    expect(await readFile(path.join(folder.path, 'job/object'))).toEqual(body)
    expect(await read(target, 'job/object')).toBe(body.toString('latin1'))
    await target.close()
  })
})

test.each(['OPEN', 'WRITE', 'CLOSE'] as const)('a server that never answers a %s is given up, and can be tried again', async (name) => {
  await using server = await startPlainSftp({ ignores: new Set([name]) })
  await using folder = await temporaryFolder()
  const target = sftpTarget(server, { path: folder.path, timeoutMs: 120 })
  let retries = 0
  const patient = createRetryingTarget(target, {
    policy: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 60_000 },
    clock: { now: () => 0 },
    sleep: async () => {},
    random: () => 0,
    onRetry: () => retries++,
  })
  await expect(patient.put('job/object', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_timeout', retryable: true })
  expect(retries).toBe(1)
  await target.close()
})

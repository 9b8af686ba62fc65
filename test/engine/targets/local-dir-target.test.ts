import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, chmod, chown, link, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFilesystemSync } from '../../../src/lib/posix-sync.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import type { ObjectEntry, Target } from '../../../src/engine/targets/target.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const exec = promisify(execFile)
const isRoot = process.getuid?.() === 0

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let root: string
let target: Target

beforeEach(async () => {
  folder = await temporaryFolder()
  root = path.join(folder.path, 'target')
  target = createLocalDirTarget({ path: root })
})
afterEach(() => folder[Symbol.asyncDispose]())

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part
}

async function read(key: string): Promise<string> {
  let text = ''
  for await (const chunk of await target.get(key)) text += Buffer.from(chunk).toString('latin1')
  return text
}

async function keys(prefix: string, recursive = true): Promise<string[]> {
  const found: ObjectEntry[] = []
  for await (const entry of target.list(prefix, { recursive })) found.push(entry)
  return found.map(({ key }) => key).toSorted()
}

/** Every file below the root, hidden ones too. */
async function filesOnDisk(): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
}

describe('the folder', () => {
  test('is not made by looking', async () => {
    await target.stat('job/run/x')
    await expect(target.get('job/run/x')).rejects.toMatchObject({ code: 'target_not_found' })
    await keys('')
    await target.remove('job/run/x')
    await target.removeTree('job')
    await target.flush!('job')
    await expect(stat(root)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('is made by the first put, with those above it, for nobody else to read', async () => {
    root = path.join(folder.path, 'a/b/c')
    target = createLocalDirTarget({ path: root })
    await target.put('job/run/object', Buffer.from('x'))
    for (const made of ['a', 'a/b', 'a/b/c', 'a/b/c/job', 'a/b/c/job/run'])
      expect((await stat(path.join(folder.path, made))).mode & 0o777).toBe(0o700)
    expect((await stat(path.join(root, 'job/run/object'))).mode & 0o777).toBe(0o600)
  })

  test('may be a symbolic link', async () => {
    await mkdir(path.join(folder.path, 'disk'))
    await symlink('disk', root)
    await target.put('job/object', Buffer.from('x'))
    expect(await readFile(path.join(folder.path, 'disk/job/object'), 'utf8')).toBe('x')
    expect(await target.removeTree('job')).toEqual({ objects: 1 })
  })

  test('is not made again when it vanished after it was used', async () => {
    await target.put('a/object', Buffer.from('x'))
    await rm(root, { recursive: true })
    await expect(target.put('b/object', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_identity' })
    await expect(target.put('a/object', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_identity' })
    await expect(stat(root)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('is not written when another one stands in its place, as an empty mount point does', async () => {
    await target.put('identity', Buffer.from('x'))
    const later = createLocalDirTarget({ path: root })
    for await (const _ of await later.get('identity'));
    await rename(root, `${root}-unmounted`)
    await mkdir(root)
    for (const each of [target, later]) await expect(each.put('job/run/object', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_identity' })
    expect(await readdir(root)).toEqual([])
  })

  test('must be an absolute path', () => {
    for (const wrong of ['backups', './x', '', '/nu\0l']) {
      expect(() => createLocalDirTarget({ path: wrong })).toThrow(expect.objectContaining({ code: 'invalid_spec' }))
    }
  })

  test('is what features tell as the local root', () => {
    expect(createLocalDirTarget({ path: '/srv/x/../backups/' })).toMatchObject({ label: '/srv/backups', features: { localRoot: '/srv/backups' } })
  })
})

describe('put', () => {
  test('has a temporary file beside the object while it runs and none afterwards', async () => {
    const seen: string[][] = []
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one')
      seen.push(await filesOnDisk(), await keys(''), await keys('job', false))
      yield Buffer.from('two')
    }
    await target.put('job/object', body())
    expect(seen).toEqual([[expect.stringMatching(/^job\/\.object\.[0-9a-f]{16}\.tmp$/)], [], []])
    expect(await filesOnDisk()).toEqual(['job/object'])
  })

  test('takes names as long as the filesystem does, and rejects longer ones', async () => {
    for (const name of ['x'.repeat(255), 'ü'.repeat(127), '🗄'.repeat(63)]) {
      await target.put(name, chunks('x'))
      expect(await read(name)).toBe('x')
    }
    await expect(target.put('x'.repeat(256), chunks('x'))).rejects.toMatchObject({ code: 'target_rejected' })
    await expect(target.put(`${'x'.repeat(256)}/object`, chunks('x'))).rejects.toMatchObject({ code: 'target_rejected' })
    expect((await filesOnDisk()).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('rejects names that its own temporary files have', async () => {
    await expect(target.put('job/.a.0123456789abcdef.tmp', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_rejected' })
    await target.put('job/.a.tmp', Buffer.from('x'))
    expect(await keys('job')).toEqual(['job/.a.tmp'])
  })

  test('rejects a name whose way is blocked by an object, or that is a directory', async () => {
    await target.put('a/b', Buffer.from('x'))
    await expect(target.put('a/b/c', Buffer.from('y'))).rejects.toMatchObject({ code: 'target_rejected' })
    await expect(target.put('a', Buffer.from('y'))).rejects.toMatchObject({ code: 'target_rejected' })
    expect(await filesOnDisk()).toEqual(['a/b'])
  })

  test('makes a directory again that somebody took away, without reading the body twice', async () => {
    await target.put('job/run/one', Buffer.from('1'))
    await rm(path.join(root, 'job'), { recursive: true })
    await target.put('job/run/two', chunks('t', 'w', 'o'))
    expect(await read('job/run/two')).toBe('two')
  })

  test("tells a body's own error as it is, even one that looks like the disk's", async () => {
    const failure = Object.assign(new Error('ENOENT: the source is gone'), { code: 'ENOENT', errno: -2, syscall: 'open' })
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one')
      throw failure
    }
    await expect(target.put('job/object', body())).rejects.toBe(failure)
    expect(await filesOnDisk()).toEqual([])
  })

  test('aborted in the middle of a body that stalls, leaves nothing and tells the body', async () => {
    const aborting = new AbortController()
    let returned = false
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => {
        let count = 0
        return {
          next: () => {
            if (count++ < 3) return Promise.resolve({ done: false, value: Buffer.alloc(1_500_000, count) })
            aborting.abort()
            return new Promise(() => {})
          },
          return: () => {
            returned = true
            return new Promise(() => {})
          },
        }
      },
    }
    await expect(target.put('job/object', body, { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
    expect(await filesOnDisk()).toEqual([])
    expect(returned).toBe(true)
  })

  test('stops reading a body that is longer than promised', async () => {
    let sent = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(1000 * ++sent && 1000)
    }
    await expect(target.put('job/object', endless(), { sizeBytes: 10_500 })).rejects.toMatchObject({ code: 'target_rejected' })
    expect(sent).toBe(11)
    expect(await filesOnDisk()).toEqual([])
  })

  test('of a hundred writers with ifAbsent, in two processes worth of targets, one wins and leaves no temporary file', async () => {
    const other = createLocalDirTarget({ path: root })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? target : other).put('job/run/claim', Buffer.from(`writer ${i}`), { ifAbsent: true })),
    )
    const winners = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
    expect(winners).toHaveLength(1)
    expect(await read('job/run/claim')).toBe(`writer ${String(winners[0])}`)
    expect(await filesOnDisk()).toEqual(['job/run/claim'])
  })

  test('flushes the file, then names it, then flushes its directory, and each new directory once', async ({ skip }) => {
    if (
      !(await exec('strace', ['-V']).then(
        () => true,
        () => false,
      ))
    )
      skip('no strace here')
    const script = path.join(folder.path, 'put.ts')
    const source = path.resolve('src/engine/targets/local-dir/local-dir-target.ts')
    await writeFile(
      script,
      `import { createLocalDirTarget } from ${JSON.stringify(source)}
const target = createLocalDirTarget({ path: ${JSON.stringify(root)} })
for (const name of ['one', 'two']) await target.put('job/run/' + name, Buffer.from('x'))`,
    )
    const log = path.join(folder.path, 'log')
    try {
      await exec('strace', ['-f', '-y', '-o', log, '-e', 'trace=mkdir,mkdirat,fsync,fdatasync,rename,renameat,renameat2', process.execPath, script])
    } catch (error) {
      if (/ptrace/.test(String(error))) skip('strace may not trace here')
      throw error
    }
    const calls = (await readFile(log, 'utf8'))
      .split('\n')
      .filter((line) => line.includes(root) || line.includes(`<${folder.path}>`))
      .filter((line) => !line.includes('resumed'))
      .map((line) => {
        const call = /(\w+)\(/.exec(line)![1]!.replace(/at2?$/, '')
        return `${call} ${path.relative(folder.path, /[<"](\/[^>"]*)/.exec(line)![1]!).replace(/[0-9a-f]{16}/, '…') || '.'}`
      })
    expect(calls).toEqual([
      'mkdir target',
      'fsync .',
      'mkdir target/job',
      'fsync target',
      'mkdir target/job/run',
      'fsync target/job',
      'fdatasync target/job/run/.one.….tmp',
      'rename target/job/run/.one.….tmp',
      'fsync target/job/run',
      'fdatasync target/job/run/.two.….tmp',
      'rename target/job/run/.two.….tmp',
      'fsync target/job/run',
    ])
  })
})

describe('get', () => {
  test('of an object that is replaced or removed while it is read goes on with the old one', async () => {
    const old = Buffer.alloc(4_000_000, 'o')
    await target.put('object', old)
    let readBytes = 0
    for await (const chunk of await target.get('object')) {
      if (readBytes === 0) {
        await target.put('object', Buffer.alloc(5_000_000, 'n'))
        await target.remove('object')
      }
      expect(chunk.every((byte) => byte === 'o'.charCodeAt(0))).toBe(true)
      readBytes += chunk.length
    }
    expect(readBytes).toBe(old.length)
  })

  test('of a file that shrinks while it is read ends with it', async () => {
    await target.put('object', Buffer.alloc(4_000_000))
    let readBytes = 0
    for await (const chunk of await target.get('object')) {
      if (readBytes === 0) await truncate(path.join(root, 'object'), 2_500_000)
      readBytes += chunk.length
    }
    expect(readBytes).toBeGreaterThanOrEqual(2_500_000)
    expect(readBytes).toBeLessThan(4_000_000)
  })

  test('keeps no file open for a reader that never comes, stops early or is done', async () => {
    await target.put('object', Buffer.alloc(4_000_000))
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length
    for await (const _ of await target.get('object'));
    const before = await openFiles()
    for (let i = 0; i < 20; i++) {
      await target.get('object')
      for await (const _ of await target.get('object', { range: { offset: 1, length: 3_000_000 } })) break
      for await (const _ of await target.get('object', { range: { offset: 1, length: 10 } }));
      await expect(target.get('absent')).rejects.toMatchObject({ code: 'target_not_found' })
    }
    expect(await openFiles()).toBe(before)
  })

  test('does not wait for the writer of a FIFO that stands in the way', async ({ skip }) => {
    if (
      !(await exec('mkfifo', ['--version']).then(
        () => true,
        () => false,
      ))
    )
      skip('no mkfifo here')
    await target.put('job/object', Buffer.from('x'))
    await exec('mkfifo', [path.join(root, 'job/fifo')])
    await expect(target.get('job/fifo')).rejects.toMatchObject({ code: 'target_not_found' })
    expect(await target.stat('job/fifo')).toBeNull()
    expect(await keys('job')).toEqual(['job/object'])
    expect(await target.removeTree('job')).toEqual({ objects: 2 })
  })
})

describe('symbolic links planted in the tree', () => {
  let outside: string
  beforeEach(async () => {
    outside = path.join(folder.path, 'outside')
    await mkdir(path.join(outside, 'run'), { recursive: true })
    await writeFile(path.join(outside, 'precious'), 'precious')
    await writeFile(path.join(outside, 'run/precious'), 'precious')
    await target.put('job/run/object', Buffer.from('x'))
    await symlink(outside, path.join(root, 'linked'))
    await symlink(path.join(outside, 'precious'), path.join(root, 'job/run/file-link'))
    await symlink(outside, path.join(root, 'job/run/directory-link'))
    await symlink('/nowhere/at/all', path.join(root, 'job/run/dangling-link'))
  })
  afterEach(async () => {
    expect(await readFile(path.join(outside, 'precious'), 'utf8')).toBe('precious')
    expect(await readFile(path.join(outside, 'run/precious'), 'utf8')).toBe('precious')
    expect((await readdir(outside)).toSorted()).toEqual(['precious', 'run'])
    expect(await readdir(path.join(outside, 'run'))).toEqual(['precious'])
  })

  test('are never the way of an object', async () => {
    const rejected = { code: 'target_rejected', message: expect.stringContaining('symbolic link') }
    for (const key of ['linked/precious', 'linked/run/precious', 'job/run/directory-link/precious']) {
      await expect(target.put(key, Buffer.from('y'))).rejects.toMatchObject(rejected)
      await expect(target.put(`${key}/deeper`, Buffer.from('y'))).rejects.toMatchObject(rejected)
      await expect(target.get(key)).rejects.toMatchObject(rejected)
      await expect(target.stat(key)).rejects.toMatchObject(rejected)
      await expect(target.remove(key)).rejects.toMatchObject(rejected)
      await expect(target.removeTree(key)).rejects.toMatchObject(rejected)
    }
    for (const prefix of ['linked', 'linked/run', 'job/run/directory-link']) await expect(keys(prefix)).rejects.toMatchObject(rejected)
  })

  test('are not listed, read or looked at', async () => {
    expect(await keys('')).toEqual(['job/run/object'])
    expect(await keys('', false)).toEqual(['job'])
    for (const key of ['job/run/file-link', 'job/run/dangling-link', 'linked']) {
      await expect(target.get(key)).rejects.toMatchObject({ code: 'target_rejected' })
      await expect(target.stat(key)).rejects.toMatchObject({ code: 'target_rejected' })
    }
  })

  test('are replaced and removed themselves', async () => {
    await target.put('job/run/file-link', Buffer.from('ours'))
    expect((await lstat(path.join(root, 'job/run/file-link'))).isFile()).toBe(true)
    await target.remove('job/run/directory-link')
    await expect(target.put('job/run/dangling-link', Buffer.from('y'), { ifAbsent: true })).rejects.toMatchObject({ details: { exists: true } })
  })

  test('are removed with the tree that holds them, and not followed', async () => {
    await expect(target.removeTree('linked')).rejects.toMatchObject({ code: 'target_rejected' })
    expect(await target.removeTree('job')).toEqual({ objects: 4 })
    expect(await readdir(root)).toEqual(['linked'])
  })

  test('are not followed when one takes the place of a directory that is being removed', async () => {
    const victim = path.join(root, 'job/many')
    for (let i = 0; i < 200; i++) await mkdir(path.join(victim, String(i), 'precious'), { recursive: true })
    const removing = target.removeTree('job')
    for (let i = 0; i < 200; i++) {
      const directory = path.join(victim, String(199 - i))
      await rename(directory, `${directory}-away`)
        .then(() => symlink(outside, directory))
        .catch(() => {})
    }
    await removing.catch(() => {})
    await target.removeTree('job')
    expect(await readdir(root)).toEqual(['linked'])
  })
})

describe('removeTree', () => {
  test('takes temporary files of dead writers, names that are not UTF-8 and deep trees too', async () => {
    await target.put('job/run/object', Buffer.from('x'))
    await writeFile(path.join(root, 'job/run/.object.0123456789abcdef.tmp'), 'half')
    await writeFile(Buffer.concat([Buffer.from(`${root}/job/run/`), Buffer.from([0xff, 0xfe])]), 'odd')
    await mkdir(Buffer.concat([Buffer.from(`${root}/job/run/`), Buffer.from([0xfd])]))
    await mkdir(path.join(root, 'job/run', ...Array<string>(300).fill('deep')), { recursive: true })
    expect(await keys('job')).toEqual(['job/run/object'])
    expect(await target.removeTree('job/run')).toEqual({ objects: 3 })
    expect(await keys('', false)).toEqual(['job'])
  })

  test('while others put into the tree ends with the tree gone or with an error, never in between for what was there', async () => {
    for (let i = 0; i < 20; i++) await target.put(`job/run/${i}`, Buffer.from('x'))
    const outcomes = await Promise.allSettled([
      target.removeTree('job/run'),
      ...Array.from({ length: 20 }, (_, i) => target.put(`job/run/new-${i}`, Buffer.from('y'))),
    ])
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^target_/) })
    }
    expect((await keys('job')).filter((key) => !key.includes('new-'))).toEqual([])
  })

  test('of hard links removes the names given and no other', async () => {
    await target.put('job/run/object', Buffer.from('x'))
    await link(path.join(root, 'job/run/object'), path.join(root, 'job/other'))
    await target.removeTree('job/run')
    expect(await read('job/other')).toBe('x')
  })

  test('does not empty the whole target', async () => {
    await target.put('object', Buffer.from('x'))
    await expect(target.removeTree('')).rejects.toMatchObject({ code: 'invalid_spec' })
    expect(await keys('')).toEqual(['object'])
  })
})

test('ten thousand objects are listed, looked at and removed', async () => {
  await target.put('first', Buffer.from('x'))
  for (let directory = 0; directory < 4; directory++) {
    await mkdir(path.join(root, `big/${directory}`), { recursive: true })
    for (let i = 0; i < 2500; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => writeFile(path.join(root, `big/${directory}/object-${i + j}`), 'x'.repeat(j))))
    }
  }
  const found: ObjectEntry[] = []
  for await (const entry of target.list('big', { recursive: true })) found.push(entry)
  expect(new Set(found.map(({ key }) => key)).size).toBe(10_000)
  expect(found.reduce((sum, { sizeBytes }) => sum + sizeBytes!, 0)).toBe(100 * (99 * 50))
  expect(await keys('big/3', false)).toHaveLength(2500)
  for await (const _ of target.list('big', { recursive: true })) break
  expect(await target.removeTree('big')).toEqual({ objects: 10_000 })
})

describe('flush', () => {
  test('says when the disk lost something', async () => {
    const failing = createLocalDirTarget({
      path: root,
      syncFilesystem: async () => Promise.reject(Object.assign(new Error('EIO: syncfs'), { code: 'EIO', errno: -5, syscall: 'syncfs' })),
    })
    await failing.put('object', Buffer.from('x'))
    await expect(failing.flush!('')).rejects.toMatchObject({ code: 'target_unreachable', retryable: true, details: { errno: 'EIO' } })
  })

  test('succeeds where nothing can flush, for every put was flushed by itself', async () => {
    await createLocalDirTarget({ path: root, syncFilesystem: async () => 'unavailable' }).flush!('')
  })

  test('works by the sync command', async () => {
    const slow = createLocalDirTarget({ path: root, syncFilesystem: createFilesystemSync({ native: false }) })
    await slow.flush!('')
    await slow.put('object', Buffer.from('x'))
    await slow.flush!('')
  })
})

describe('a folder that may not be used', () => {
  test('is a matter of permission, and says which folder', async ({ skip }) => {
    // Root may do everything, so it becomes somebody else, who cannot reach the folders of root.
    const nobody = 65534
    if (isRoot && !existsSync('/dev/shm')) skip('root may do everything, and there is no /dev/shm that all users reach')
    await using shared = isRoot ? await temporaryFolder('/dev/shm') : await temporaryFolder()
    if (isRoot) await chown(shared.path, nobody, nobody)
    try {
      if (isRoot) process.seteuid!(nobody)
      root = path.join(shared.path, 'target')
      target = createLocalDirTarget({ path: root })
      await target.put('job/object', Buffer.from('x'))
      await chmod(path.join(root, 'job'), 0)
      const denied = { code: 'target_permission', message: expect.stringContaining(root) }
      await expect(target.put('job/new', Buffer.from('x'))).rejects.toMatchObject(denied)
      await expect(target.put('job/new/deeper', Buffer.from('x'))).rejects.toMatchObject(denied)
      await expect(target.get('job/object')).rejects.toMatchObject(denied)
      await expect(target.stat('job/object')).rejects.toMatchObject(denied)
      await expect(target.remove('job/object')).rejects.toMatchObject(denied)
      await expect(target.removeTree('job')).rejects.toMatchObject(denied)
      await expect(keys('job')).rejects.toMatchObject(denied)
      await chmod(path.join(root, 'job'), 0o700)
    } finally {
      if (isRoot) process.seteuid!(0)
    }
  })

  test('may lie in one that may be written and not read', async ({ skip }) => {
    const nobody = 65534
    if (!isRoot || !existsSync('/dev/shm')) skip('needs root, to become somebody else in /dev/shm')
    await using shared = await temporaryFolder('/dev/shm')
    await chown(shared.path, nobody, nobody)
    try {
      process.seteuid!(nobody)
      await chmod(shared.path, 0o300)
      target = createLocalDirTarget({ path: path.join(shared.path, 'a/b') })
      await target.put('object', Buffer.from('x'))
      expect(await read('object')).toBe('x')
    } finally {
      process.seteuid!(0)
    }
  })

  test('is rejected when it is a file', async () => {
    await writeFile(root, '')
    await expect(target.put('object', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_rejected' })
    await expect(target.get('object')).rejects.toMatchObject({ code: 'target_not_found' })
  })

  test('a file that grows while nobody writes it here is read as far as it was', async () => {
    await target.put('object', Buffer.alloc(3_000_000))
    let readBytes = 0
    for await (const chunk of await target.get('object')) {
      if (readBytes === 0) await appendFile(path.join(root, 'object'), 'more')
      readBytes += chunk.length
    }
    expect(readBytes).toBe(3_000_000)
  })
})

import { spawnSync } from 'node:child_process'
import {
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPartsWriter } from '../../src/engine/pipeline/parts-writer.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { createNodeMaker } from '../../src/lib/posix-mknod.ts'
import { sampleBytes } from '../support/age-samples.ts'
import { callAs, isRoot, normalUser } from '../support/as-user.ts'
import { compareTrees } from '../support/compare-trees.ts'
import {
  below,
  entriesBelow,
  exportRun,
  objectsOf,
  packPrepared,
  restoreRun,
  runBackup,
  smallPipeline,
  stockRestore,
  type StoredRun,
  testJobId,
  verifyRun,
  watchedSource,
} from '../support/engine.ts'
import type { ErrorPolicyOutcome } from '../support/error-policies.ts'
import { roundTrip, type RoundTrip } from '../support/round-trip.ts'
import { longAgoNs, sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0

beforeAll(async () => {
  work = await workFolder()
})

afterAll(() => work[Symbol.asyncDispose]())

/** A folder of a test's own. */
function folder(): string {
  const made = path.join(work.path, String(++count))
  mkdirSync(made)
  return made
}

/** Restores by ourselves and by stock tools; the differences to `source` of both. */
async function bothWays(run: StoredRun, source: string, into: string): Promise<{ own: string[]; stock: string[] }> {
  await restoreRun(run, path.join(into, 'ours'))
  await stockFrom(run, into)
  return { own: compareTrees(source, below(path.join(into, 'ours'), source)), stock: compareTrees(source, below(path.join(into, 'theirs'), source)) }
}

async function stockFrom(run: StoredRun, into: string): Promise<void> {
  const exported = await exportRun(run, path.join(into, 'exported'))
  stockRestore(exported, path.join(into, 'theirs'))
}

/** The code of the error it ends with; `done` when it does not. */
async function codeOf(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  )
}

async function filesBelow(run: StoredRun, root: string): Promise<string[]> {
  return [...(await entriesBelow(run, root))].filter(([, { kind }]) => kind === 'file').map(([name]) => name)
}

const same = { own: [], stock: [] }

describe.each([
  { who: 'root', asRoot: true },
  { who: 'a normal user', asRoot: false },
])('as $who, a tree of everything comes back as it was', ({ asRoot }) => {
  describe.each([
    { stored: 'as an archive', format: 'archive_v1', encrypted: false, place: 'folder' },
    { stored: 'as an encrypted archive', format: 'archive_v1', encrypted: true, place: 'folder' },
    { stored: 'as a tree written in place', format: 'raw_tree_v1', encrypted: false, place: 'folder' },
    { stored: 'as a tree of puts', format: 'raw_tree_v1', encrypted: false, place: 'throttled folder' },
    { stored: 'as a tree of objects', format: 'raw_tree_v1', encrypted: false, place: 'memory' },
  ] as const)('from a backup stored $stored', ({ format, encrypted, place }) => {
    let trip: RoundTrip
    beforeAll(async () => {
      if (asRoot && !isRoot) return
      await using own = await workFolder(asRoot ? {} : { owner: normalUser })
      const request = { folder: own.path, format, encrypted, place, asRoot }
      trip = asRoot ? await roundTrip(request) : await callAs(normalUser, new URL('../support/round-trip.ts', import.meta.url), 'roundTrip', request)
    })

    test('by our own restore', (context) => {
      if (asRoot && !isRoot) context.skip('the tests do not run as root')
      expect(trip).toMatchObject({ status: 'success', grade: 'stable', own: [], ownComplaints: [] })
    })

    test('by the stock commands of its RESTORE.md', (context) => {
      if (asRoot && !isRoot) context.skip('the tests do not run as root')
      if (trip.stock === null) context.skip('the artifact is in no folder')
      expect(trip.stock).toEqual([])
    })

    test('and nothing is left when it is removed', (context) => {
      if (asRoot && !isRoot) context.skip('the tests do not run as root')
      expect(trip.leftAfterRemoval).toEqual([])
    })

    test('and every entry of it is verified', (context) => {
      if (asRoot && !isRoot) context.skip('the tests do not run as root')
      expect(trip.verified).toMatchObject({ ok: true, damaged: { total: 0 } })
      expect(trip.verified.entries.checked).toBeGreaterThan(900)
      if (format === 'archive_v1') expect(trip.parts).toBeGreaterThan(5)
    })
  })
})

describe('the comparer that is the judge here', () => {
  test('finds what differs, each of it', () => {
    const [left, right] = ['left', 'right'].map((name) => sourceTree(path.join(work.path, `compare-${name}`)))
    for (const tree of [left!, right!]) {
      tree
        .file('content', 'a')
        .file('mode', '')
        .file('time', '')
        .file('only here', '')
        .symlink('target', 'a')
        .file('kind', '')
        .file('one', '')
        .file('size', 'x')
    }
    left!.link('two', 'one').dir('deep/er').finish()
    right!.file('two', '').dir('deep/er').finish()
    writeFileSync(right!.at('content'), 'b')
    right!.finish()
    sourceTree(right!.root)
      .file('mode', '', { mode: 0o600 })
      .file('time', '', { mtimeNs: longAgoNs + 1n })
      .file('size', 'xx')
      .finish()
    unlinkSync(right!.at('target'))
    unlinkSync(right!.at('kind'))
    sourceTree(right!.root).symlink('target', 'b').dir('kind').finish()
    unlinkSync(right!.at('only here'))
    sourceTree(right!.root).finish()
    const lines = compareTrees(left!.root, right!.root).map((line) => line.replace(/ is .*/, ''))
    expect(lines).toEqual([
      "'content': sha256",
      "'kind': kind",
      "'kind': mode",
      "'kind': sha256",
      "'kind': size",
      "'mode': mode",
      "'one': one file with",
      "'only here': missing on the right",
      "'size': sha256",
      "'size': size",
      "'target': target",
      "'time': mtime_ns",
      "'two': one file with",
    ])
    expect(compareTrees(left!.root, left!.root)).toEqual([])
  })
})

describe('hard links', () => {
  test('hardlink_policy copy stores and restores every name as a file of its own', async () => {
    const tree = sourceTree(path.join(folder(), 'source')).file('a', 'content').link('b', 'a').link('c/d', 'a').finish()
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], spec: { hardlink_policy: 'copy' } })
    expect(run.outcome.manifest.totals).toMatchObject({ files: 3, links: 0, source_bytes: 21 })
    const into = folder()
    await restoreRun(run, into)
    expect(compareTrees(tree.root, below(into, tree.root), { ignore: ['one file with'] })).toEqual([])
    expect(['a', 'b', 'c/d'].map((name) => lstatSync(path.join(below(into, tree.root), name)).nlink)).toEqual([1, 1, 1])
  })

  test('restored without the first name are one file again, under the first of the names that are wanted', async () => {
    const tree = sourceTree(path.join(folder(), 'source'))
      .file('a', 'content')
      .link('b', 'a')
      .link('c/d', 'a')
      .link('c/e', 'a')
      .file('z', '')
      .finish()
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
    const into = folder()
    const report = await restoreRun(run, into, { only: [`${tree.root}/b`, `${tree.root}/c`] })
    expect(report).toMatchObject({ restored: { files: 1, dirs: 1, links: 2 }, failed: { total: 0 } })
    unlinkSync(tree.at('a'))
    unlinkSync(tree.at('z'))
    expect(compareTrees(tree.root, below(into, tree.root), { ignoreOfDirs: ['mtime_ns', 'mode'] })).toEqual([])
  })

  /** A tree of three names for one file, and something done to them when all of them are listed and none is packed. */
  async function packedAfter(change: (at: (name: string) => string) => void, contentBytes = 1000) {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('a', contentBytes).link('b', 'a').link('c', 'a').link('outside/d', 'a').finish()
    const source = watchedSource([tree.root], { onListed: () => {}, onEnd: () => change((name) => path.join(tree.root, name)) })
    return { at, tree, run: await packPrepared(source, { target: createMemoryTarget() }) }
  }

  test('whose first name vanished before it was read are stored under the next', async () => {
    const { at, tree, run } = await packedAfter((name) => unlinkSync(name('a')))
    expect(run.report).toMatchObject({ totals: { files: 1, links: 2 }, consistency: { deleted_total: 1 } })
    const entries = [...(await entriesBelow(run, tree.root)).values()].filter(({ kind }) => kind !== 'dir')
    expect(entries.map(({ kind, hardlink_group }) => [kind, hardlink_group])).toEqual([
      ['file', 'h1'],
      ['hardlink', 'h1'],
      ['hardlink', 'h1'],
    ])
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root), { ignoreOfDirs: ['mtime_ns'] })).toEqual([])
  })

  test('whose first name became another file keep their own content', async () => {
    const { at, tree, run } = await packedAfter((name) => {
      writeFileSync(name('new'), 'quite another one')
      renameSync(name('new'), name('a'))
    })
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root), { ignoreOfDirs: ['mtime_ns'] })).toEqual([])
    expect(run.report.totals).toMatchObject({ files: 2, links: 2 })
  })

  test('one of which became another file, as large as it may be, are links no more', async () => {
    const { at, tree, run } = await packedAfter((name) => {
      writeFileSync(name('new'), sampleBytes(300_000))
      renameSync(name('new'), name('b'))
    })
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root), { ignoreOfDirs: ['mtime_ns'] })).toEqual([])
    expect(run.report.totals).toMatchObject({ files: 2, links: 2, source_bytes: 301_000 })
  })

  test.each([
    { name: 'a large file', contentBytes: 200_000, fill: 0 },
    { name: 'a small one in another frame', contentBytes: 100, fill: 100 },
  ])('whose first name, $name, vanished as soon as it was listed are stored under the next', async ({ contentBytes, fill }) => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('a', contentBytes)
    for (const name of ['y', 'z', 'zz']) tree.link(name, 'a')
    for (let i = 0; i < fill; i++) tree.file(`filling/${i}`, 5000)
    tree.finish()
    const first = `${tree.root.slice(1)}/a`
    const source = watchedSource([tree.root], { onListed: (listed) => listed === first && unlinkSync(tree.at('a')) })
    const run = await packPrepared(source, { target: createMemoryTarget() })
    expect(run.report.totals).toMatchObject({ files: 1 + fill, links: 2 })
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root), { ignoreOfDirs: ['mtime_ns'] })).toEqual([])
  })

  test('of a file that is gone do not become links to a later file with the same inode number', async (context) => {
    const at = folder()
    // Larger than a frame, so that it is stored as soon as it is listed, and before it goes.
    const tree = sourceTree(path.join(at, 'source')).file('a', 200_000).link('z/elsewhere', 'a').file('m', 'between').finish()
    const { ino } = lstatSync(tree.at('a'))
    const source = watchedSource([tree.root], {
      onListed: (listed) => {
        if (!listed.endsWith('/m')) return
        unlinkSync(tree.at('a'))
        unlinkSync(tree.at('z/elsewhere'))
        writeFileSync(tree.at('z/new'), 'the second')
        linkSync(tree.at('z/new'), tree.at('z/new too'))
      },
    })
    const run = await packPrepared(source, { target: createMemoryTarget() })
    if (lstatSync(tree.at('z/new')).ino !== ino) context.skip('the filesystem did not give the inode number again')
    const into = path.join(at, 'ours')
    await restoreRun(run, into)
    expect(readFileSync(path.join(below(into, tree.root), 'z/new'), 'utf8')).toBe('the second')
    expect(readFileSync(path.join(below(into, tree.root), 'z/new too'), 'utf8')).toBe('the second')
  })
})

describe('symbolic links', () => {
  test('symlink_policy follow stores what they lead to; rings end, and what leads nowhere stays a link', async () => {
    const at = folder()
    sourceTree(path.join(at, 'outside')).file('in/file', 'from outside').file('also', 'x').link('again', 'also').finish()
    const tree = sourceTree(path.join(at, 'source'))
      .file('real/file', 'real')
      .symlink('to-file', 'real/file')
      .symlink('to-dir', '../outside/in')
      .symlink('to-linked', '../outside/again')
      .symlink('nowhere', 'gone')
      .symlink('itself', 'itself')
      .symlink('ring-a', 'ring-b')
      .symlink('ring-b', 'ring-a')
      .symlink('real/up', '..')
      .symlink('real/here', '.')
      .finish()
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], spec: { symlink_policy: 'follow' } })
    expect([...(await entriesBelow(run, tree.root))].map(([name, { kind }]) => `${name} ${kind}`)).toEqual([
      ' dir',
      'itself symlink',
      'nowhere symlink',
      'real dir',
      'real/file file',
      'real/here symlink',
      'real/up symlink',
      'ring-a symlink',
      'ring-b symlink',
      'to-dir dir',
      'to-dir/file file',
      'to-file file',
      'to-linked file',
    ])
    const into = folder()
    await restoreRun(run, into)
    expect(readFileSync(path.join(below(into, tree.root), 'to-dir/file'), 'utf8')).toBe('from outside')
    expect(await verifyRun(run)).toMatchObject({ ok: true })
  })

  test('symlink_policy skip leaves them out', async () => {
    const tree = sourceTree(path.join(folder(), 'source')).file('a', 'a').symlink('b', 'a').symlink('c', 'nowhere').symlink('d', '.').finish()
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], spec: { symlink_policy: 'skip' } })
    expect([...(await entriesBelow(run, tree.root)).keys()]).toEqual(['', 'a'])
  })

  test('a source path that is a link means the tree behind it', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('a', 'a').dir('b').finish()
    symlinkSync('source', path.join(at, 'link'))
    const run = await runBackup({ target: createMemoryTarget(), sources: [path.join(at, 'link')] })
    const into = folder()
    await restoreRun(run, into)
    expect(compareTrees(tree.root, below(into, path.join(at, 'link')))).toEqual([])
  })
})

describe('source paths', () => {
  test('that overlap or lie between each other in byte order are all read, once', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'base'))
    for (const name of ['srv', 'srv-x', 'srv.d', 'srv0', 'srv/app', 'srv/app-x', 'srv/app/deep', 'not asked for']) tree.file(`${name}/file`, name)
    tree.finish()
    const sources = ['srv0', 'srv/app', 'srv-x', 'srv', 'srv.d/', './srv/../srv/app-x', 'srv//app'].map((name) => `${tree.root}/${name}`)
    const run = await runBackup({ target: createMemoryTarget(), sources })
    expect(await filesBelow(run, tree.root)).toEqual([
      'srv-x/file',
      'srv.d/file',
      'srv/app-x/file',
      'srv/app/deep/file',
      'srv/app/file',
      'srv/file',
      'srv0/file',
    ])
    rmSync(tree.at('not asked for'), { recursive: true })
    const both = await bothWays(run, tree.root, folder())
    // The directory above the source paths is no entry: it only leads to them.
    const other = (lines: string[]) => lines.filter((line) => !line.startsWith("'.'"))
    expect({ own: other(both.own), stock: other(both.stock) }).toEqual(same)
  })

  test('below each other whose parents are not asked for are restored below directories made for them', async () => {
    const tree = sourceTree(path.join(folder(), 'base')).file('a/b', 'ab').file('a/b-c/d', 'abcd').file('a/b.e', 'abe').file('a/c', '').finish()
    const run = await runBackup({ target: createMemoryTarget(), sources: ['a/b-c/d', 'a/b', 'a/b.e'].map((name) => `${tree.root}/${name}`) })
    const into = folder()
    const report = await restoreRun(run, into)
    expect(report.restored).toMatchObject({ files: 3, dirs: 0 })
    unlinkSync(tree.at('a/c'))
    expect(compareTrees(tree.root, below(into, tree.root), { ignoreOfDirs: ['mtime_ns', 'mode'] })).toEqual([])
  })

  test('one that does not exist ends the run before anything is stored', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('a', '').symlink('ring', 'ring').finish()
    for (const missing of [path.join(at, 'nowhere'), path.join(tree.root, 'a/below a file'), path.join(tree.root, 'ring')]) {
      const target = createMemoryTarget()
      expect(await codeOf(runBackup({ target, sources: [tree.root, missing] }))).toBe('source_not_found')
      expect([...(await objectsOf(target)).keys()]).toEqual(['bastion-target.json'])
    }
  })

  test('that hold the target itself and the data directory leave both out, and say so', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('a', 5000).file('data/journal', 'ours').file('z', 'z').finish()
    const target = createLocalDirTarget({ path: tree.root + '/backups' })
    symlinkSync('data', path.join(tree.root, 'link to data'))
    const ownDirectories = [path.join(tree.root, 'link to data')]
    for (let i = 0; i < 2; i++) await runBackup({ target, sources: [at], ownDirectories })
    const run = await runBackup({ target, sources: [at], ownDirectories })
    expect([...(await entriesBelow(run, at)).keys()]).toEqual(['', 'source', 'source/a', 'source/link to data', 'source/z'])
    const own = run.outcome.source.coverage.filter(({ read }) => read === 'own').map((item) => item.path)
    expect(own).toEqual([path.join(tree.root, 'backups'), path.join(tree.root, 'data')])
  })

  test('a mount below one is read, or left out with one_file_system, and stands in the coverage either way', async (context) => {
    if (!isRoot) context.skip('only root can mount')
    const tree = sourceTree(path.join(folder(), 'source')).file('a', 'a').dir('mounted').file('z', 'z').finish()
    const mountPoint = path.join(tree.root, 'mounted')
    const mounted = spawnSync('mount', ['-t', 'tmpfs', 'bastion-test', mountPoint], { encoding: 'utf8' })
    if (mounted.status !== 0) context.skip(`tmpfs cannot be mounted: ${mounted.stderr}`)
    try {
      writeFileSync(path.join(mountPoint, 'file'), 'on another filesystem')
      for (const one_file_system of [false, true]) {
        const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], spec: { one_file_system } })
        expect(await filesBelow(run, tree.root)).toEqual(one_file_system ? ['a', 'z'] : ['a', 'mounted/file', 'z'])
        expect((await entriesBelow(run, tree.root)).get('mounted')).toMatchObject({ kind: 'dir', mode: lstatSync(mountPoint).mode })
        const covered = run.outcome.source.coverage.find((item) => item.path === mountPoint)
        expect(covered).toMatchObject(
          one_file_system
            ? { read: 'excluded', reason: 'one_file_system', unit: 'tmpfs:bastion-test' }
            : { read: 'live', unit: 'tmpfs:bastion-test' },
        )
      }
    } finally {
      spawnSync('umount', [mountPoint])
    }
  })
})

describe('selection', () => {
  test('include and exclude decide what is stored, and directories that only lead to it are stored too', async () => {
    const tree = sourceTree(path.join(folder(), 'source'))
    for (const name of ['keep/a.txt', 'keep/a.tmp', 'keep/cache/b.txt', 'keep/deep/er/c.txt', 'drop/d.md', 'top.txt', 'keep/cache.txt'])
      tree.file(name, name)
    tree.finish()
    const run = await runBackup({
      target: createMemoryTarget(),
      sources: [tree.root],
      spec: { include: ['*.txt', '*.tmp'], exclude: ['*.tmp', 'cache/'] },
    })
    expect(await filesBelow(run, tree.root)).toEqual(['keep/a.txt', 'keep/cache.txt', 'keep/deep/er/c.txt', 'top.txt'])
    const into = folder()
    await restoreRun(run, into)
    expect(lstatSync(path.join(below(into, tree.root), 'keep/deep')).mtimeMs).toBe(lstatSync(tree.at('keep/deep')).mtimeMs)
  })

  test('of a restore takes what matches with everything below it', async () => {
    const tree = sourceTree(path.join(folder(), 'source')).file('a/b/c', 'c').file('a/b-d', 'd').file('e', 'e').symlink('a/b/l', 'c').finish()
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
    const into = folder()
    const report = await restoreRun(run, into, { only: [`${tree.root}/a/b`] })
    expect(report.restored).toMatchObject({ files: 1, dirs: 1, links: 1 })
    expect(readdirSync(path.join(below(into, tree.root), 'a'))).toEqual(['b'])
    expect(compareTrees(path.join(tree.root, 'a/b'), below(into, path.join(tree.root, 'a/b')))).toEqual([])
  })
})

describe('files that cannot be read', () => {
  let outcomes: Record<string, ErrorPolicyOutcome>
  beforeAll(async () => {
    await using own = await workFolder({ owner: normalUser })
    outcomes = await callAs(normalUser, new URL('../support/error-policies.ts', import.meta.url), 'backUpUnreadable', { folder: own.path })
  })

  test('fail_fast stops at the first of them and removes what was stored', () => {
    expect(outcomes['fail_fast']).toMatchObject({ code: 'issues', issues: 1, left: ['bastion-target.json'] })
  })

  test('skip_fail tells all of them and removes what was stored', () => {
    expect(outcomes['skip_fail']).toMatchObject({ code: 'issues', issues: 4, left: ['bastion-target.json'] })
    expect(outcomes['skip_fail']!.events).toContain('issues')
  })

  test('skip_ok stores the rest, ends as a warning and names them', () => {
    expect(outcomes['skip_ok']).toMatchObject({
      status: 'warning',
      issues: 4,
      sample: ['dir unreadable', 'dir unsearchable/file', 'large unreadable', 'unreadable'],
      readErrors: 4,
      restored: ['', 'dir unreadable', 'dir unsearchable', 'readable', 'z'],
      grade: 'stable',
    })
  })
})

describe('special files', () => {
  test('a socket stands in the index only, and a restore says that it is not restorable', async () => {
    const tree = sourceTree(path.join(folder(), 's')).file('a', 'a').finish()
    const server = createServer().listen(path.join(tree.root, 'socket'))
    await new Promise((resolve) => server.once('listening', resolve))
    try {
      const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
      const socket = (await entriesBelow(run, tree.root)).get('socket')
      expect(socket).toMatchObject({ kind: 'socket' })
      expect(socket).not.toHaveProperty('at')
      expect(await verifyRun(run)).toMatchObject({ ok: true, entries: { expected: 3, checked: 3 } })
      expect(await restoreRun(run, folder())).toMatchObject({ not_restorable: 1, restored: { files: 1 } })
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('devices come back with their numbers, owner and mode', async (context) => {
    if (!isRoot) context.skip('only root can make a device')
    const makeNode = createNodeMaker()
    const tree = sourceTree(path.join(folder(), 'source')).dir('dev').finish()
    try {
      makeNode!(tree.at('dev/null'), constants.S_IFCHR | 0o666, [1, 3])
      makeNode!(tree.at('dev/disk'), constants.S_IFBLK | 0o640, [259, 70_000])
    } catch (error) {
      context.skip(`a device cannot be made here: ${String(error)}`)
    }
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
    expect(await bothWays(run, tree.root, folder())).toEqual(same)
  })
})

describe('parts', () => {
  const { part_size_bytes: partSizeBytes } = smallPipeline

  test.each([1, partSizeBytes - 1, partSizeBytes, partSizeBytes + 1, 2 * partSizeBytes])(
    'a stream of %i bytes is cut into full parts and a last one',
    async (size) => {
      const target = createMemoryTarget()
      const { signal } = new AbortController()
      const writer = createPartsWriter({ target, prefix: 'run', partSizeBytes, signal, onPart: () => {} })
      const bytes = sampleBytes(size)
      for (let at = 0; at < size; at += 100_001) await writer.write(bytes.subarray(at, at + 100_001))
      await writer.end()
      const objects = [...(await objectsOf(target)).values()]
      expect(objects.map((part) => part.length)).toEqual(writer.parts.map((part) => part.size))
      expect(objects.slice(0, -1).every((part) => part.length === partSizeBytes)).toBe(true)
      expect(objects.at(-1)!.length).toBeGreaterThan(0)
      expect(Buffer.concat(objects).equals(bytes)).toBe(true)
    },
  )

  test('are the bytes of one stream, whatever their size', async () => {
    const tree = sourceTree(path.join(folder(), 'source')).file('a', 3_000_000).file('b', 'b').finish()
    const keys = generateAgeKeyPair()
    for (const recipients of [[], [keys.recipient]]) {
      const target = createMemoryTarget()
      const run = await runBackup({ target, sources: [tree.root], pipeline: { recipients } })
      const parts = [...(await objectsOf(target, `${testJobId}/${run.ref.runId}`))].filter(([key]) => key.includes('payload.part'))
      expect(parts.map(([, bytes]) => bytes.length).slice(0, -1)).toEqual(parts.slice(1).map(() => partSizeBytes))
      expect(parts.length).toBeGreaterThanOrEqual(3)
      expect(run.outcome.manifest.artifacts.map(({ size }) => size)).toEqual(parts.map(([, bytes]) => bytes.length))
    }
  })
})

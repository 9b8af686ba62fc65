import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BastionError } from '../../src/core/errors.ts'
import type { RestoreReport } from '../../src/engine/restoring/restore-report.ts'
import type { ConflictPolicy } from '../../src/core/operation.ts'
import type { SourceEntry } from '../../src/engine/sources/source.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { isRoot } from '../support/as-user.ts'
import { anArtifact, forgeObjects, storeForged } from '../support/fuzz/forge-artifact.ts'
import { ordinaryEntries } from '../support/fuzz/ordinary-entries.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { below, packPrepared, restoreRun, runBackup, type StoredRun } from '../support/engine.ts'
import { type SourceTree, sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0
/** One of each kind, and what they are stored as. */
let tree: SourceTree
let run: StoredRun

const largeBytes = 200_000

beforeAll(async () => {
  work = await workFolder()
  tree = sourceTree(path.join(work.path, 'source'))
    .file('file', 'ours')
    .file('large', largeBytes)
    .symlink('symlink', 'ours')
    .fifo('fifo', { mode: 0o640 })
    .file('linked', 'ours, twice')
    .link('name of linked', 'linked')
    .file('dir/inside', 'ours')
    .finish()
  run = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
})

afterAll(() => work[Symbol.asyncDispose]())

test.skipIf(!isRoot || spawnSync('setfacl', ['--version']).status !== 0)(
  'a directory that gives its group and an ACL to what is made in it gives neither to what is restored into it',
  async () => {
    const destination = path.join(work.path, String(++count))
    mkdirSync(destination)
    chownSync(destination, 0, 7)
    chmodSync(destination, 0o2755)
    spawnSync('setfacl', ['-d', '-m', 'u:7:rwx,o::---', destination])
    await restoreRun(
      await storeForged(forgeObjects(anArtifact([...ordinaryEntries(), { path: 'file too', kind: 'file', content: 'x' }]))),
      destination,
    )
    for (const [name, mode] of [
      ['file', 0o644],
      ['file too', 0o644],
      ['dir', 0o755],
    ] as const) {
      const stats = lstatSync(path.join(destination, name))
      expect({ name, uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777 }).toEqual({ name, uid: 0, gid: 0, mode })
    }
  },
)

/** A folder of a test's own. */
function folder(): string {
  const made = path.join(work.path, String(++count))
  mkdirSync(made)
  return made
}

/** What must not be touched: outside of every destination. */
function outside(at: string): SourceTree {
  return sourceTree(at).file('file', 'foreign').file('dir/inside', 'foreign').file('dir/other', 'foreign').finish()
}

type Planted = 'a file' | 'a directory' | 'a link to a file outside' | 'a link to a directory outside' | 'a link to nowhere' | 'a FIFO'

function plant(what: Planted, into: SourceTree, name: string, outsideRoot: string): void {
  switch (what) {
    case 'a file':
      into.file(name, 'foreign')
      break
    case 'a directory':
      into.file(`${name}/foreign`, 'foreign')
      break
    case 'a link to a file outside':
      into.symlink(name, `${outsideRoot}/file`)
      break
    case 'a link to a directory outside':
      into.symlink(name, `${outsideRoot}/dir`)
      break
    case 'a link to nowhere':
      into.symlink(name, `${outsideRoot}/nowhere`)
      break
    case 'a FIFO':
      into.fifo(name)
  }
}

const names = ['file', 'large', 'symlink', 'fifo', 'linked', 'name of linked', 'dir'] as const
type Name = (typeof names)[number]

/** Which of our entries `overwrite` puts in the place of what is there: those of its own kind. */
const replacedBy: Record<Planted, readonly Name[]> = {
  'a file': ['file', 'large', 'linked', 'name of linked'],
  'a directory': [],
  'a link to a file outside': ['symlink'],
  'a link to a directory outside': ['symlink'],
  'a link to nowhere': ['symlink'],
  'a FIFO': ['fifo'],
}

interface Scene {
  /** where the source stands in the destination */
  at: string
  destination: string
  report: RestoreReport | BastionError
  /** planted things that are what they were, content included */
  untouched: Name[]
}

/** Plants the same thing at some names of the destination, restores, and looks at everything that is not ours. */
async function restoreOver(what: Planted, conflict: ConflictPolicy, over: readonly Name[] = names): Promise<Scene> {
  const base = folder()
  const foreign = outside(path.join(base, 'outside'))
  const destination = path.join(base, 'destination')
  const at = below(destination, tree.root)
  mkdirSync(at, { recursive: true })
  const planted = sourceTree(at)
  for (const name of over) plant(what, planted, name, foreign.root)
  planted.finish()
  const before = new Map(over.map((name) => [name, lstatSync(planted.at(name), { bigint: true })]))

  const report = await restoreRun(run, destination, { conflict }).catch((error: unknown) => {
    if (error instanceof BastionError) return error
    throw error
  })

  const untouched = over.filter((name) => {
    const now = lstatSync(planted.at(name), { bigint: true, throwIfNoEntry: false })
    const then = before.get(name)!
    // A directory may get ours beside what it holds; nothing else may change at all.
    return now?.ino === then.ino && now.mode === then.mode && (now.isDirectory() || now.ctimeNs === then.ctimeNs || isOnlyRead(now, then))
  })
  expect(compareTrees(foreign.root, outside(path.join(base, 'pristine')).root)).toEqual([])
  if (what === 'a directory') {
    for (const name of over) expect(readFileSync(path.join(at, name, 'foreign'), 'utf8')).toBe('foreign')
  }
  expect(leftovers(at)).toEqual([])
  return { at, destination, report, untouched }
}

function isOnlyRead(now: { mtimeNs: bigint; size: bigint; nlink: bigint }, then: { mtimeNs: bigint; size: bigint; nlink: bigint }): boolean {
  return now.mtimeNs === then.mtimeNs && now.size === then.size && now.nlink === then.nlink
}

function leftovers(at: string): string[] {
  return readdirSync(at, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.bastion-restore-'))
}

function reportOf(scene: Scene): RestoreReport {
  if (scene.report instanceof BastionError) throw scene.report
  return scene.report
}

const everything = Object.keys(replacedBy) as Planted[]

describe.each(everything)('where %s is in the way', (what) => {
  const isDirectory = what === 'a directory'
  const others = names.filter((name) => name !== 'dir')

  test('fail restores nothing over it and ends', async () => {
    const scene = await restoreOver(what, 'fail')
    expect(scene.report).toMatchObject({ code: 'restore_conflict' })
    expect(scene.untouched).toEqual(names)
  })

  test('skip leaves it', async () => {
    const scene = await restoreOver(what, 'skip')
    expect(scene.untouched).toEqual(names)
    const report = reportOf(scene)
    expect(report).toMatchObject({ skipped: others.length, renamed: 0, failed: { total: 0 }, damaged: { total: 0 } })
    // A directory takes ours in; anything else in its place is a conflict for it and for what it holds.
    expect(report.conflicts.total).toBe(isDirectory ? 0 : 2)
    expect(report.restored).toMatchObject({ files: isDirectory ? 1 : 0, links: 0, others: 0 })
  })

  test('rename puts ours beside it', async () => {
    const scene = await restoreOver(what, 'rename')
    expect(scene.untouched).toEqual(names)
    const report = reportOf(scene)
    expect(report).toMatchObject({ skipped: 0, renamed: others.length, failed: { total: 0 }, conflicts: { total: isDirectory ? 0 : 2 } })
    const beside = (name: Name) => path.join(scene.at, `${name}.restored-1`)
    expect(readFileSync(beside('file'), 'utf8')).toBe('ours')
    expect(readFileSync(beside('large')).equals(readFileSync(tree.at('large')))).toBe(true)
    expect(readlinkSync(beside('symlink'))).toBe('ours')
    expect(lstatSync(beside('fifo')).isFIFO()).toBe(true)
    expect(lstatSync(beside('name of linked')).ino).toBe(lstatSync(beside('linked')).ino)
    expect(lstatSync(beside('linked')).nlink).toBe(2)
  })

  test('overwrite replaces it with what is of its own kind, and nothing else', async () => {
    const scene = await restoreOver(what, 'overwrite')
    const replaced = replacedBy[what]
    const left = others.filter((name) => !replaced.includes(name))
    expect(scene.untouched).toEqual([...left, 'dir'])
    expect(reportOf(scene)).toMatchObject({ skipped: 0, renamed: 0, failed: { total: 0 }, conflicts: { total: left.length + (isDirectory ? 0 : 2) } })
    for (const name of replaced) {
      expect(compareTrees(String(tree.at(name)), path.join(scene.at, name), { ignore: ['one file with'] })).toEqual([])
    }
  })
})

describe('hard links', () => {
  test('never lead to what stood at the first name before', async () => {
    const scene = await restoreOver('a file', 'skip', ['linked'])
    expect(reportOf(scene)).toMatchObject({ skipped: 1, failed: { total: 0 } })
    expect(scene.untouched).toEqual(['linked'])
    expect(readFileSync(path.join(scene.at, 'name of linked'), 'utf8')).toBe('ours, twice')
  })

  test('follow the first name to where it was put', async () => {
    const scene = await restoreOver('a directory', 'rename', ['linked'])
    const [first, second] = ['linked.restored-1', 'name of linked'].map((name) => lstatSync(path.join(scene.at, name)))
    expect(second!.ino).toBe(first!.ino)
  })

  test('replace files of other content, together', async () => {
    const scene = await restoreOver('a file', 'overwrite', ['linked', 'name of linked'])
    expect(compareTrees(tree.root, scene.at)).toEqual([])
  })

  test('that are restored without their first name never lead to what stood at the name that got the content', async () => {
    const many = sourceTree(path.join(folder(), 'source')).file('a', 'ours').link('b', 'a').link('c', 'a').finish()
    const stored = await runBackup({ target: createMemoryTarget(), sources: [many.root] })
    for (const conflict of ['skip', 'rename'] as const) {
      const destination = folder()
      const planted = sourceTree(path.join(destination, many.root)).file('b', 'foreign').finish()
      const report = await restoreRun(stored, destination, { conflict, only: [`${many.root}/b`, `${many.root}/c`] })
      expect(report).toMatchObject({ failed: { total: 0 }, conflicts: { total: 0 } })
      expect(readFileSync(planted.at('b'), 'utf8')).toBe('foreign')
      expect(readFileSync(planted.at('c'), 'utf8')).toBe('ours')
      if (conflict === 'rename') expect(lstatSync(planted.at('b.restored-1')).ino).toBe(lstatSync(planted.at('c')).ino)
    }
  })
})

describe('links on the way', () => {
  test.each(['fail', 'skip', 'overwrite', 'rename'] as const)('that were planted in the destination are not followed under %s', async (conflict) => {
    const base = folder()
    const foreign = outside(path.join(base, 'outside'))
    for (const [i, planted] of [tree.root, path.dirname(tree.root)].entries()) {
      const destination = path.join(base, `destination ${i}`)
      mkdirSync(path.dirname(below(destination, planted)), { recursive: true })
      symlinkSync(foreign.root, below(destination, planted))
      const report = await restoreRun(run, destination, { conflict }).catch((error: unknown) => error)
      expect(report).toMatchObject(conflict === 'fail' ? { code: 'restore_conflict' } : { restored: { files: 0, links: 0 }, failed: { total: 0 } })
    }
    expect(compareTrees(foreign.root, outside(path.join(base, 'pristine')).root)).toEqual([])
  })

  test.each(['skip', 'overwrite', 'rename'] as const)('that the artifact itself brings are not followed under %s', async (conflict) => {
    const base = folder()
    const foreign = outside(path.join(base, 'outside'))
    const made = sourceTree(path.join(base, 'made')).symlink('link', foreign.root).file('content', 'hostile').finish()
    const entryOf = (name: string, kind: SourceEntry['kind'], of: string): SourceEntry => ({
      path: name,
      physical: `${made.root}/${of}`,
      kind,
      sizeBytes: 7,
      stat: null,
      linkCount: 1,
      followed: false,
      frozen: false,
    })
    const hostile = await packPrepared(
      {
        *entries() {
          yield { entry: entryOf('x', 'symlink', 'link') }
          yield { entry: entryOf('x/dir', 'symlink', 'link') }
          yield { entry: entryOf('x/dir/inside', 'file', 'content') }
          yield { entry: entryOf('x/file', 'file', 'content') }
        },
        coverage: () => [],
        async [Symbol.asyncDispose]() {},
      },
      { target: createMemoryTarget() },
    )
    for (let i = 0; i < 2; i++) await restoreRun(hostile, path.join(base, 'destination'), { conflict })
    expect(compareTrees(foreign.root, outside(path.join(base, 'pristine')).root)).toEqual([])
  })
})

/** Many files, small and large, in a folder target. */
async function manyFiles(): Promise<{ many: SourceTree; targetPath: string; stored: StoredRun }> {
  const base = folder()
  const many = sourceTree(path.join(base, 'source'))
  for (let i = 0; i < 600; i++) many.file(`d${i % 9}/${i}`, i % 60 === 0 ? 400_000 : 3000)
  many.finish()
  const targetPath = path.join(base, 'target')
  return { many, targetPath, stored: await runBackup({ target: createLocalDirTarget({ path: targetPath }), sources: [many.root] }) }
}

/** What is there of a tree at a destination, every file with a name of its own compared with the source's. */
function partOf(many: SourceTree, destination: string): { whole: number; temporary: number } {
  const at = below(destination, many.root)
  let [whole, temporary] = [0, 0]
  for (const entry of readdirSync(at, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    if (entry.name.startsWith('.bastion-restore-')) {
      temporary += 1
      continue
    }
    const [ours, theirs] = [path.join(entry.parentPath, entry.name), String(many.at(path.join(path.relative(at, entry.parentPath), entry.name)))]
    const [now, then] = [lstatSync(ours, { bigint: true }), lstatSync(theirs, { bigint: true })]
    expect(readFileSync(ours).equals(readFileSync(theirs)), ours).toBe(true)
    expect({ mode: now.mode, mtimeNs: now.mtimeNs }, ours).toEqual({ mode: then.mode, mtimeNs: then.mtimeNs })
    whole += 1
  }
  return { whole, temporary }
}

describe('an interrupted restore', () => {
  test('that is canceled leaves whole files and nothing else, and skip finishes it', async () => {
    const { many, stored } = await manyFiles()
    const destination = folder()
    const canceled = new AbortController()
    let now = 0
    let told = 0
    // A clock by which every look at it is a second later has every entry told.
    const restoring = restoreRun(stored, destination, {
      clock: { now: () => (now += 1000) },
      signal: canceled.signal,
      onProgress: () => {
        if (++told === 40) canceled.abort(new BastionError('canceled', 'enough'))
      },
    })
    await expect(restoring).rejects.toMatchObject({ code: 'canceled' })
    const { whole, temporary } = partOf(many, destination)
    expect(temporary).toBe(0)
    expect(whole).toBeGreaterThanOrEqual(39)
    expect(whole).toBeLessThan(600)
    await restoreRun(stored, destination, { conflict: 'skip' })
    expect(compareTrees(many.root, below(destination, many.root))).toEqual([])
  })

  test('that is killed leaves whole files, and others under temporary names only', async () => {
    const { many, targetPath, stored } = await manyFiles()
    const destination = folder()
    const runner = fileURLToPath(new URL('../support/run-exported.ts', import.meta.url))
    const module = fileURLToPath(new URL('../support/restore-case.ts', import.meta.url))
    const child = spawn(process.execPath, [runner, module, 'restoreFrom'], { stdio: ['pipe', 'ignore', 'inherit'] })
    const ended = once(child, 'exit')
    child.stdin.end(JSON.stringify({ target: targetPath, ref: stored.ref, folder: destination }))
    const first = path.join(below(destination, many.root), 'd0')
    while (child.exitCode === null && lstatSync(first, { throwIfNoEntry: false }) === undefined)
      await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGKILL')
    await ended
    partOf(many, destination)
    await restoreRun(stored, destination, { conflict: 'skip' })
    expect(partOf(many, destination).whole).toBe(600)
  })
})

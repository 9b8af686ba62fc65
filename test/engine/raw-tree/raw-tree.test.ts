import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { objectNames, runPrefix } from '../../../src/core/artifact.ts'
import { BastionError } from '../../../src/core/errors.ts'
import { diffArtifacts } from '../../../src/engine/diff.ts'
import { oddName } from '../../../src/engine/formats/raw-tree-v1/object-name.ts'
import { readEntry } from '../../../src/engine/read-entry.ts'
import { createCountingTarget } from '../../../src/engine/targets/counting-target.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { callAs, isRoot, normalUser } from '../../support/as-user.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import {
  below,
  blake3Of,
  completeTree,
  entriesBelow,
  exportRun,
  objectOf,
  objectsOf,
  openRun,
  pastClockGranularity,
  restoreRun,
  runBackup,
  runStock,
  stockRestoreTree,
  type StoredRun,
  verifyRun,
} from '../../support/engine.ts'
import { foldingTarget } from '../../support/folding-target.ts'
import { oddTree } from '../../support/odd-tree.ts'
import { seed } from '../../support/seed.ts'
import { type SourceTree, sourceTree } from '../../support/source-tree.ts'
import { workFolder } from '../../support/work-folder.ts'

const pipeline = { format: 'raw_tree_v1' } as const
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

function someTree(at: string): SourceTree {
  return sourceTree(path.join(at, 'source'))
    .file('a', 'content of a')
    .link('b', 'a')
    .file('deep/er/large', 300_000, { mode: 0o640 })
    .dir('empty', { mode: 0o711 })
    .symlink('link', '../nowhere')
    .fifo('fifo')
    .file('none', '')
    .finish()
}

function localTarget(at: string): Target {
  return createLocalDirTarget({ path: path.join(at, 'target') })
}

function artifactFolder(at: string, { ref }: StoredRun): string {
  return path.join(at, 'target', runPrefix(ref.jobId, ref.runId))
}

describe('a tree in a folder', () => {
  test('can be looked at without any tool: files, directories and links as they are, FIFOs in the index', async () => {
    const at = folder()
    const tree = someTree(at)
    const run = await runBackup({ target: localTarget(at), sources: [tree.root], pipeline })
    const data = below(path.join(artifactFolder(at, run), 'data'), tree.root)
    expect(compareTrees(tree.root, data)).toEqual(["'fifo': missing on the right"])
    expect(readdirSync(artifactFolder(at, run)).toSorted()).toEqual([
      'RESTORE.md',
      'complete.json',
      'data',
      'entries.jsonl.zst',
      'manifest.json',
      'run.json',
    ])
    expect(run.outcome.manifest).toMatchObject({
      pipeline: { format: 'raw_tree_v1', encryption: 'none' },
      artifacts: [],
      totals: { files: 3, dirs: 4, links: 2, others: 1, source_bytes: 300_012, stored_bytes: 300_012 + run.outcome.manifest.entry_index.size },
    })
    expect(run.outcome.manifest.totals.payload_tar_bytes).toBeUndefined()
  })

  test('says which way it took, in its first events and in its summary', async () => {
    const at = folder()
    const run = await runBackup({ target: localTarget(at), sources: [someTree(at).root], pipeline })
    expect(run.events.map(({ kind }) => kind).slice(0, 2)).toEqual(['started', 'planning'])
    expect(run.events[1]).toMatchObject({ message: 'tree_in_place', fields: run.outcome.summary.data_path })
    expect(run.outcome.summary.data_path).toMatchObject({ path: 'tree_in_place', hardlink_policy: 'keep' })
  })

  test.skipIf(!isRoot)('has the owners and modes of its source, whatever group, ACL and mask the folder gives to what is made in it', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source'))
    const modes = [0o644, 0o600, 0o664, 0o000, 0o777, 0o4755, 0o2755, 0o6711, 0o1644]
    // Each mode twice, for what the first of a folder has taught.
    for (const [owner, ids] of [
      [0, 0],
      [0, 4321],
      [1234, 4321],
    ].entries())
      for (const mode of modes)
        for (const name of ['a', 'b']) {
          tree.file(`${owner}/${mode.toString(8)}-${name}`, name)
          chownSync(path.join(tree.root, String(owner), `${mode.toString(8)}-${name}`), ids[0]!, ids[1]!)
          chmodSync(path.join(tree.root, String(owner), `${mode.toString(8)}-${name}`), mode)
        }
    tree.finish()
    mkdirSync(path.join(at, 'target'))
    chownSync(path.join(at, 'target'), 0, 4321)
    chmodSync(path.join(at, 'target'), 0o2770)
    execFileSync('setfacl', ['-m', 'd:u:1234:rwx,d:g::r,d:o::---', path.join(at, 'target')])
    const run = await runBackup({ target: localTarget(at), sources: [tree.root], pipeline })
    expect(compareTrees(tree.root, below(path.join(artifactFolder(at, run), 'data'), tree.root), { ignore: ['xattrs'] })).toEqual([])
  })

  test.skipIf(!isRoot)('has the modes of directories that nobody may enter then, not even who made them, and there are many', async () => {
    const modes = [0o755, 0o005, 0o705, 0o305, 0o055]
    const tree = sourceTree(path.join(folder(), 'source'))
    for (let chain = 0; chain < 35; chain++)
      for (let depth = 1; depth <= 45; depth++)
        tree.dir([chain, ...Array.from({ length: depth }, () => 'd')].join('/'), { mode: modes[(chain + depth + (depth >> 3)) % modes.length]! })
    tree.file('0/d/d/file', 'f').finish()
    await using own = await workFolder({ owner: normalUser })
    const argument = { folder: own.path, source: tree.root }
    const copy = await callAs<string>(normalUser, new URL('../../support/back-up-as-tree.ts', import.meta.url), 'backUpAsTree', argument)
    expect(compareTrees(tree.root, copy, { ignore: ['uid', 'gid'] })).toEqual([])
  })

  test('keeps the holes of a large file', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source')).file('sparse', '').finish()
    runStock('truncate -s 64M sparse && printf end | dd of=sparse bs=1 seek=67108861 conv=notrunc status=none', { cwd: tree.root })
    const run = await runBackup({ target: localTarget(at), sources: [tree.root], pipeline })
    const stored = below(path.join(artifactFolder(at, run), 'data'), `${tree.root}/sparse`)
    expect(lstatSync(stored).size).toBe(64 * 2 ** 20)
    expect(lstatSync(stored).blocks * 512).toBeLessThan(8 * 2 ** 20)
    expect(readFileSync(stored).equals(readFileSync(tree.at('sparse')))).toBe(true)
  })

  test('has each byte of its content counted once, and its objects are those of the index', async () => {
    const at = folder()
    const tree = someTree(at)
    const run = await runBackup({ target: localTarget(at), sources: [tree.root], pipeline })
    for (const [name, entry] of await entriesBelow(run, tree.root)) {
      if (entry.kind !== 'file') continue
      const bytes = readFileSync(below(path.join(artifactFolder(at, run), 'data'), `${tree.root}/${name}`))
      expect({ name, size: bytes.length, hash: blake3Of(bytes) }).toEqual({ name, size: entry.size, hash: entry.hash })
      expect(entry).not.toHaveProperty('at')
      expect(entry).not.toHaveProperty('object')
    }
  })
})

describe('a tree of objects', () => {
  test('has an object for each file, what is no file in its index, and its marker last', async () => {
    const at = folder()
    const tree = someTree(at)
    await pastClockGranularity()
    const target = createCountingTarget(createMemoryTarget())
    const run = await runBackup({ target, sources: [tree.root], pipeline })
    const prefix = runPrefix(run.ref.jobId, run.ref.runId)
    const data = `${prefix}/data${tree.root}`
    const keys = target.counts.keys('put')
    expect(keys.slice(0, 2)).toEqual(['bastion-target.json', `${prefix}/run.json`])
    // Two names of one file are two whole files, for who has nothing but the objects.
    expect(keys.slice(2, 6).toSorted()).toEqual(['a', 'b', 'deep/er/large', 'none'].map((name) => `${data}/${name}`))
    expect(keys.slice(6)).toEqual(['entries.jsonl.zst', 'manifest.json', 'RESTORE.md', 'complete.json'].map((name) => `${prefix}/${name}`))
    for (const key of keys) expect(target.counts.of('put', key).requests).toBe(1)
    expect(run.outcome.manifest.totals).toMatchObject({ files: 4, dirs: 4, links: 1, others: 1 })
  })

  test('with its hard links kept has one object for all names of a file', async () => {
    const at = folder()
    const tree = someTree(at)
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], pipeline, spec: { hardlink_policy: 'keep' } })
    expect(run.outcome.manifest.totals).toMatchObject({ files: 3, links: 2 })
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root))).toEqual([])
    expect(await verifyRun(run)).toMatchObject({ ok: true })
  })

  test('comes back by the second command of its RESTORE.md alone', async () => {
    const at = folder()
    const tree = someTree(at)
    const run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], pipeline, spec: { hardlink_policy: 'keep' } })
    completeTree(await exportRun(run, path.join(at, 'exported')), path.join(at, 'theirs'))
    expect(compareTrees(tree.root, below(path.join(at, 'theirs'), tree.root))).toEqual([])
  })
})

describe('names', () => {
  test.each<[place: string, open: () => Target]>([
    ['keeps every name', () => createMemoryTarget()],
    ['folds, and says nothing of it', () => foldingTarget(createMemoryTarget())],
  ])('of all kinds come back from a target that %s', async (_, open) => {
    const at = folder()
    const tree = oddTree(at)
    const run = await runBackup({ target: open(), sources: [tree.root], pipeline, spec: { hardlink_policy: 'keep' } })
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root))).toEqual([])
    expect(await verifyRun(run)).toMatchObject({ ok: true })
  })

  test('that are no text stand in odd/ under the hash of their path, and its RESTORE.md brings them back', async () => {
    const at = folder()
    const tree = oddTree(at)
    const run = await runBackup({ target: localTarget(at), sources: [tree.root], pipeline })
    const entry = (await entriesBelow(run, tree.root)).get('files/caf\ufffd')!
    expect(entry.object).toBe(oddName(`${tree.root.slice(1)}/files/caf\xe9`))
    expect(entry.object).toMatch(/^odd\/[0-9a-f]{32}$/)
    expect(readFileSync(path.join(artifactFolder(at, run), entry.object!), 'utf8')).toBe('caf\xe9')
    await restoreRun(run, path.join(at, 'ours'))
    stockRestoreTree(artifactFolder(at, run), path.join(at, 'theirs'))
    for (const side of ['ours', 'theirs']) expect(compareTrees(tree.root, below(path.join(at, side), tree.root))).toEqual([])
  })

  test('that the filesystem has given away are found out when they are made', async () => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source'))
      .file('file', 'ours')
      .file('large', 200_000)
      .file('dir/inside', 'ours')
      .symlink('symlink', 'ours')
      .file('first', 'ours')
      .link('second', 'first')
      .finish()
    // As if other names of ours, made before by another thread, were these ones too.
    const inner = localTarget(at)
    const openDirectory = async (prefix: string) => {
      const taken = below(path.join(at, 'target', prefix, 'data'), tree.root)
      mkdirSync(taken, { recursive: true })
      for (const name of ['file', 'dir', 'symlink', 'second']) writeFileSync(path.join(taken, name), 'somebody else')
      for (const name of ['large', 'first']) mkdirSync(path.join(taken, name))
      return await inner.tree!.openDirectory!(prefix)
    }
    const target: Target = { ...inner, tree: { ...inner.tree!, openDirectory } }
    const run = await runBackup({ target, sources: [tree.root], pipeline })
    const odd = [...(await entriesBelow(run, tree.root))].flatMap(([name, { object }]) => (object === undefined ? [] : [name]))
    expect(odd).toEqual(['dir/inside', 'file', 'first', 'large'])
    await restoreRun(run, path.join(at, 'ours'))
    expect(compareTrees(tree.root, below(path.join(at, 'ours'), tree.root))).toEqual([])
    expect(await verifyRun(run)).toMatchObject({ ok: true })
    const taken = below(path.join(artifactFolder(at, run), 'data'), tree.root)
    for (const name of ['file', 'dir', 'symlink', 'second']) expect(readFileSync(path.join(taken, name), 'utf8')).toBe('somebody else')
  })
})

describe('while somebody writes', () => {
  test.each<[place: string, open: (at: string) => Target]>([
    ['a folder', localTarget],
    ['memory', () => createMemoryTarget()],
  ])('every file in %s is what its line of the index says', async (_, open) => {
    const at = folder()
    const tree = sourceTree(path.join(at, 'source'))
    const names = Array.from({ length: 40 }, (_each, i) => `file ${i}`)
    for (const [i, name] of names.entries()) tree.file(`busy/${name}`, i % 4 === 0 ? 150_000 : 2000)
    for (let i = 0; i < 200; i++) tree.file(`calm/${i}`, 500)
    tree.finish()
    const script = fileURLToPath(new URL('../../support/busy-writer.ts', import.meta.url))
    const writer = spawn(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      script,
      'files',
      path.join(tree.root, 'busy'),
      String(seed),
      ...names,
    ])
    try {
      await once(writer.stdout, 'data')
      const run = await runBackup({ target: open(at), sources: [tree.root], pipeline })
      expect(await verifyRun(run)).toMatchObject({ ok: true, damaged: { total: 0 } })
      expect(await restoreRun(run, path.join(at, 'ours'))).toMatchObject({ failed: { total: 0 }, damaged: { total: 0 } })
      const objects = await objectsOf(run.target, runPrefix(run.ref.jobId, run.ref.runId))
      const files = [...(await entriesBelow(run, tree.root)).values()].filter(({ kind }) => kind === 'file')
      // Nothing else is left in the tree: no first copy, no name of a file on its way in.
      expect([...objects.keys()].filter((key) => key.includes('/data/')).length).toBe(files.length)
      expect(run.outcome.manifest.totals.source_bytes).toBe(files.reduce((sum, { size = 0 }) => sum + size, 0))
    } finally {
      const ended = once(writer, 'exit')
      writer.kill('SIGKILL')
      await ended
    }
  })
})

describe('of a stored tree', () => {
  let tree: SourceTree
  let run: StoredRun
  let prefix: string
  let kept: Map<string, Buffer>

  beforeAll(async () => {
    tree = oddTree(folder())
    run = await runBackup({ target: createMemoryTarget(), sources: [tree.root], pipeline, spec: { hardlink_policy: 'keep' } })
    prefix = runPrefix(run.ref.jobId, run.ref.runId)
    kept = await objectsOf(run.target)
  })

  /** The same artifact elsewhere, some of its objects changed. */
  async function harmed(changes: Record<string, Buffer | null>): Promise<StoredRun> {
    const target = createMemoryTarget()
    for (const [key, bytes] of kept) {
      const change = changes[key.slice(prefix.length + 1)]
      if (change !== null) await target.put(key, change ?? bytes)
    }
    return { target, ref: run.ref }
  }

  const keyOf = (name: string) => `data${tree.root}/${name}`

  test.each<[what: string, change: (bytes: Buffer) => Buffer | null, byChain: boolean]>([
    ['is missing', () => null, true],
    ['is cut short', (bytes) => bytes.subarray(1), true],
    ['is longer', (bytes) => Buffer.concat([bytes, Buffer.from('x')]), true],
    ['has another byte', (bytes) => Buffer.concat([Buffer.from('X'), bytes.subarray(1)]), false],
  ])('an object that %s is named, not restored, and costs nothing else', async (_, change, byChain) => {
    const one = await harmed({ [keyOf('files/README')]: change(kept.get(`${prefix}/${keyOf('files/README')}`)!) })
    expect(await verifyRun(one, 'chain')).toMatchObject({ ok: !byChain })
    const report = await verifyRun(one)
    expect(report).toMatchObject({ ok: false, damaged: { total: 1, sample: [{ object: expect.stringContaining('files/README') }] } })
    expect(report.entries.checked).toBe(report.entries.expected)
    await expect(restoreRun(one, folder())).rejects.toMatchObject({ code: 'artifact_damaged' })
    const into = folder()
    expect(await restoreRun(one, into, { damaged: true })).toMatchObject({ damaged: { total: 1 }, failed: { total: 0 } })
    expect(compareTrees(tree.root, below(into, tree.root))).toEqual(["'files/README': missing on the right"])
    await expect(
      readEntry(await openRun(one), `${tree.root.slice(1)}/files/README`, { signal: AbortSignal.timeout(60_000), take: () => {} }),
    ).rejects.toMatchObject({
      code: 'artifact_damaged',
    })
  })

  test('one file is read from its own object and nothing else', async () => {
    const counting = createCountingTarget((await harmed({})).target)
    const artifact = await openRun({ target: counting, ref: run.ref })
    await artifact.index()
    counting.counts.reset()
    for (const name of ['files/README', 'files/caf\xe9', 'links/LINKED', 'other name']) {
      const chunks: Uint8Array[] = []
      await readEntry(artifact, `${tree.root.slice(1)}/${name}`, { signal: AbortSignal.timeout(60_000), take: (bytes) => void chunks.push(bytes) })
      const content = name === 'links/LINKED' ? 'one file' : name === 'other name' ? 'its first name is odd' : name.slice('files/'.length)
      expect(Buffer.concat(chunks).toString()).toBe(content)
    }
    expect(counting.counts.keys('get').filter((key) => !key.endsWith(objectNames.index))).toHaveLength(4)
  })

  test('some of it is restored alone, hard links with their content', async () => {
    const into = folder()
    await restoreRun(run, into, { only: [`${tree.root}/links/linked`, `${tree.root}/files`] })
    expect(readdirSync(below(into, tree.root)).toSorted()).toEqual(['files', 'links'])
    expect(readFileSync(path.join(below(into, tree.root), 'links/linked'), 'utf8')).toBe('one file')
  })

  test('it differs from an archive of the same files in nothing', async () => {
    const archive = await runBackup({ target: createMemoryTarget(), sources: [tree.root] })
    const differences = []
    for await (const difference of diffArtifacts(await openRun(archive), await openRun(run))) differences.push(difference)
    expect(differences).toEqual([])
  })

  test.each([
    ['overwrite', 'ours'],
    ['skip', 'foreign'],
    ['rename', 'foreign'],
  ] as const)('what is there already is dealt with under the policy %s', async (conflict, content) => {
    const into = folder()
    const at = below(into, tree.root)
    mkdirSync(path.join(at, 'files'), { recursive: true })
    writeFileSync(path.join(at, 'linked'), 'foreign')
    mkdirSync(path.join(at, 'files/README'))
    const report = await restoreRun(run, into, { conflict })
    expect(readFileSync(path.join(at, 'linked'), 'utf8')).toBe(content === 'ours' ? 'one file' : 'foreign')
    expect(readFileSync(path.join(at, 'links/LINKED'), 'utf8')).toBe('one file')
    expect(lstatSync(path.join(at, 'files/README')).isDirectory()).toBe(true)
    expect(report).toMatchObject({
      skipped: conflict === 'skip' ? 2 : 0,
      renamed: conflict === 'rename' ? 2 : 0,
      conflicts: { total: conflict === 'overwrite' ? 1 : 0 },
    })
  })

  test('what is there already ends the restore under the policy fail', async () => {
    const into = folder()
    mkdirSync(below(into, tree.root), { recursive: true })
    writeFileSync(path.join(below(into, tree.root), 'linked'), 'foreign')
    await expect(restoreRun(run, into)).rejects.toMatchObject({ code: 'restore_conflict' })
    expect(readFileSync(path.join(below(into, tree.root), 'linked'), 'utf8')).toBe('foreign')
  })

  test('a link put into its folder leads nowhere', async () => {
    const at = folder()
    const stored = sourceTree(path.join(at, 'source')).file('dir/file', 'ours').file('other', 'ours').finish()
    const local = await runBackup({ target: localTarget(at), sources: [stored.root], pipeline })
    const outside = sourceTree(path.join(at, 'outside')).file('file', 'ours').finish()
    const data = below(path.join(artifactFolder(at, local), 'data'), stored.root)
    runStock(`rm -r dir && ln -s ${outside.root} dir && ln -sf ${outside.root}/file other`, { cwd: data })
    expect(readlinkSync(path.join(data, 'dir'))).toBe(outside.root)
    const report = await verifyRun(local)
    expect(report).toMatchObject({ ok: false, damaged: { total: 2 } })
    await expect(restoreRun(local, path.join(at, 'ours'))).rejects.toBeInstanceOf(BastionError)
    expect(existsSync(path.join(below(path.join(at, 'ours'), stored.root), 'dir/file'))).toBe(false)
    await local.target.removeTree(runPrefix(local.ref.jobId, local.ref.runId))
    expect(readFileSync(outside.at('file'), 'utf8')).toBe('ours')
  })

  test('the key of a file is only its own', async () => {
    const objectName = (await import('../../../src/engine/formats/raw-tree-v1/object-name.ts')).objectNameOf
    const line = { path: 'a', bytes: 'a' }
    expect(objectName(line)).toBe('data/a')
    expect(objectName({ ...line, object: oddName('a') })).toBe(oddName('a'))
    for (const object of ['manifest.json', 'data/b', 'data/a', oddName('b'), 'odd/../data/b', '']) {
      expect(() => objectName({ ...line, object })).toThrow(/has no place in the tree/)
    }
    expect(() => objectName({ path: 'caf\ufffd', bytes: 'caf\xe9' })).toThrow(/has no place in the tree/)
  })

  test('its objects are what they were after all that', async () => {
    for (const [key, bytes] of kept) expect((await objectOf(run.target, key)).equals(bytes)).toBe(true)
  })
})

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DrillReport } from '../../src/core/operation-report.ts'
import { drill } from '../../src/engine/drill.ts'
import type { DrillRecipe } from '../../src/engine/drilling/drill-recipe.ts'
import { vaultwardenRecipe } from '../../src/engine/drilling/vaultwarden-recipe.ts'
import { openArtifact } from '../../src/engine/open-artifact.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { type BackupOptions, packPrepared, runBackup } from '../support/engine.ts'
import { type SourceTree, sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0
beforeAll(async () => void (work = await workFolder()))
afterAll(() => work[Symbol.asyncDispose]())

const key = generateAgeKeyPair()

interface Stored {
  /** of the artifact */
  directory: string
  drill(recipe?: DrillRecipe): Promise<DrillReport>
}

async function stored(tree: SourceTree, pipeline: BackupOptions['pipeline'] = {}): Promise<Stored> {
  const folder = path.join(work.path, String(++count))
  const target = createLocalDirTarget({ path: path.join(folder, 'target') })
  const { ref } = await runBackup({ target, sources: [tree.root], pipeline })
  let drills = 0
  return {
    directory: path.join(folder, 'target', ref.jobId, ref.runId),
    async drill(recipe) {
      const { signal } = new AbortController()
      const artifact = await openArtifact(target, ref, { identities: [key.identity], signal })
      const directory = path.join(folder, `drill-${++drills}`)
      const clock = { now: () => Date.now() }
      return drill({ target, artifact, directory, recipe: recipe ?? null, clock, signal, onProgress() {} })
    },
  }
}

function aTree(): SourceTree {
  return sourceTree(path.join(work.path, `source ${++count}`))
    .file('letters/one', 'dear Ada')
    .file('first.bin', 3_000_000)
    .file('second.bin', 2_000_000)
    .symlink('link', 'letters/one')
    .link('again', 'first.bin')
    .fifo('fifo')
}

function flipBit(file: string, at = 0.5): void {
  const bytes = readFileSync(file)
  bytes[Math.floor(bytes.length * at)]! ^= 1
  writeFileSync(file, bytes)
}

function objects({ damaged }: DrillReport): string[] {
  return damaged.sample.map(({ object }) => object)
}

const ways: [name: string, pipeline: BackupOptions['pipeline']][] = [
  ['archive_v1', {}],
  ['archive_v1, encrypted', { recipients: [key.recipient] }],
  ['raw_tree_v1', { format: 'raw_tree_v1' }],
]

describe.each(ways)('a drill of %s', (_, pipeline) => {
  test('proves what is whole, and measures how long it took', async () => {
    const artifact = await stored(aTree().finish(), pipeline)
    const report = await artifact.drill()
    expect(report).toMatchObject({ proven: true, damaged: { total: 0 }, restored: { files: 3, links: 2 }, sqlite: { found: 0 }, recipe: null })
    expect(report.entries.checked).toBe(report.entries.expected)
    expect(report.entries.expected).toBeGreaterThan(5)
    expect(report.restore_ms).toBeLessThanOrEqual(report.duration_ms)
  })
})

/** What is done to an artifact, and the object that must be named. */
const damages: [name: string, pipeline: BackupOptions['pipeline'], harm: (directory: string) => string][] = [
  ['a flipped bit in a part', {}, (at) => (flipBit(path.join(at, 'payload.part000002')), 'payload.part000002')],
  [
    'a flipped bit in an encrypted chunk',
    { recipients: [key.recipient] },
    (at) => (flipBit(path.join(at, 'payload.part000002')), 'payload.part000002'),
  ],
  ['a flipped bit in the index', {}, (at) => (flipBit(path.join(at, 'entries.jsonl.zst'), 0.3), 'entries.jsonl.zst')],
  [
    'a flipped bit in an encrypted index',
    { recipients: [key.recipient] },
    (at) => (flipBit(path.join(at, 'entries.jsonl.zst.age')), 'entries.jsonl.zst.age'),
  ],
  ['a missing part', {}, (at) => (rmSync(path.join(at, 'payload.part000002')), 'payload.part000002')],
  ['a truncated part', {}, (at) => (truncateSync(path.join(at, 'payload.part000003'), 1000), 'payload.part000003')],
  ['a flipped bit in a file of a tree', { format: 'raw_tree_v1' }, (at) => (flipBit(inTree(at, 'second.bin')), 'second.bin')],
  ['a missing file of a tree', { format: 'raw_tree_v1' }, (at) => (rmSync(inTree(at, 'second.bin')), 'second.bin')],
  ['a truncated file of a tree', { format: 'raw_tree_v1' }, (at) => (truncateSync(inTree(at, 'second.bin'), 1000), 'second.bin')],
]

function inTree(directory: string, name: string): string {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((each) => path.basename(each) === name)
  return path.join(directory, found!)
}

test.each(damages)('%s fails a drill, which names the object', async (_, pipeline, harm) => {
  const artifact = await stored(aTree().finish(), pipeline)
  const object = harm(artifact.directory)
  const report = await artifact.drill()
  expect(report.proven).toBe(false)
  expect(report.damaged.total).toBeGreaterThan(0)
  expect(
    objects(report).some((each) => each.endsWith(object)),
    JSON.stringify(report.damaged),
  ).toBe(true)
})

test('parts that were swapped fail a drill, and both are named', async () => {
  const artifact = await stored(aTree().finish())
  const [one, two, aside] = ['payload.part000001', 'payload.part000002', 'aside'].map((name) => path.join(artifact.directory, name))
  renameSync(one!, aside!)
  renameSync(two!, one!)
  renameSync(aside!, two!)
  const report = await artifact.drill()
  expect(report.proven).toBe(false)
  expect(objects(report)).toEqual(expect.arrayContaining(['payload.part000001', 'payload.part000002']))
})

test('a flipped bit in the manifest is named before anything is restored', async () => {
  const artifact = await stored(aTree().finish())
  flipBit(path.join(artifact.directory, 'manifest.json'))
  await expect(artifact.drill()).rejects.toMatchObject({ code: 'artifact_damaged', details: { object: expect.stringContaining('manifest.json') } })
})

test('a drill that has checked nothing proves nothing', async () => {
  const target = createMemoryTarget()
  const nothing = { entries: () => [], coverage: () => [], async [Symbol.asyncDispose]() {} }
  const { ref } = await packPrepared(nothing, { target })
  const { signal } = new AbortController()
  const artifact = await openArtifact(target, ref, { identities: [], signal })
  const directory = path.join(work.path, `drill of nothing ${++count}`)
  const report = await drill({ target, artifact, directory, recipe: null, clock: { now: () => 0 }, signal, onProgress() {} })
  expect(report).toMatchObject({ proven: false, damaged: { total: 0 }, entries: { expected: 0, checked: 0 } })
})

function database(at: string, make: (database: DatabaseSync) => void): void {
  mkdirSync(path.dirname(at), { recursive: true })
  const made = new DatabaseSync(at)
  make(made)
  made.close()
}

describe('SQLite databases', () => {
  test('are all asked whether they are whole, whatever their names, and the one that is not fails the drill', async () => {
    const tree = aTree().finish()
    database(path.join(tree.root, 'app.db'), (db) => db.exec('create table t (a); insert into t values (1)'))
    database(path.join(tree.root, 'no ending'), (db) => db.exec('create table t (a)'))
    expect(await (await stored(tree)).drill()).toMatchObject({ proven: true, sqlite: { found: 2, ok: 2 } })
    database(path.join(tree.root, 'broken.db'), (db) => {
      db.exec('create table t (a); create index i on t (a)')
      const insert = db.prepare('insert into t values (?)')
      for (let i = 0; i < 5000; i++) insert.run(`row ${i}`)
    })
    const bytes = readFileSync(path.join(tree.root, 'broken.db'))
    bytes.fill(0xff, 8192, 12_288)
    writeFileSync(path.join(tree.root, 'broken.db'), bytes)
    const report = await (await stored(tree)).drill()
    expect(report).toMatchObject({ proven: false, damaged: { total: 0 }, sqlite: { found: 3, ok: 2 } })
    expect(report.sqlite.failed).toMatchObject([{ path: expect.stringMatching(/broken[.]db$/) }])
  })

  test('with rows that refer to nothing fail the drill', async () => {
    const tree = aTree().finish()
    database(path.join(tree.root, 'app.db'), (db) => {
      db.exec(
        'pragma foreign_keys = off; create table a (id integer primary key); create table b (a integer references a (id)); insert into b values (7)',
      )
    })
    const report = await (await stored(tree)).drill()
    expect(report).toMatchObject({ proven: false, sqlite: { found: 1, ok: 0 } })
    expect(report.sqlite.failed[0]!.message).toContain('b refers to a')
  })

  test('are opened with their journals, as their program would: what is only in the write-ahead log counts', async () => {
    const tree = aTree().finish()
    const file = path.join(tree.root, 'app.db')
    const script =
      "import { DatabaseSync } from 'node:sqlite'; const d = new DatabaseSync(process.argv[1]); d.exec('pragma journal_mode = wal; create table t (a); insert into t values (1)'); process.kill(process.pid, 'SIGKILL')"
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', script, file], { stdio: 'ignore' })
    } catch {
      // killed, as it should be: its log stays
    }
    expect(existsSync(`${file}-wal`)).toBe(true)
    const report = await (
      await stored(tree)
    ).drill({
      name: 'rows',
      async check(restored) {
        const { rows } = await restored.ask(restored.databases[0]!, ['select count(*) as n from t'])
        return [{ name: 'rows', ok: rows[0]?.[0]?.['n'] === 1, message: '' }]
      },
    })
    expect(report).toMatchObject({ proven: true, sqlite: { found: 1, ok: 1 }, recipe: { checks: [{ ok: true }] } })
  })

  test('with a link in the place of a journal are not opened: what it leads to stays as it is', async () => {
    const precious = path.join(work.path, `precious ${++count}`)
    writeFileSync(precious, 'precious')
    for (const suffix of ['-shm', '-wal', '-journal']) {
      const tree = aTree().finish()
      database(path.join(tree.root, 'app.db'), (db) => db.exec('pragma journal_mode = wal; create table t (a)'))
      symlinkSync(precious, path.join(tree.root, `app.db${suffix}`))
      expect(await (await stored(tree)).drill()).toMatchObject({ proven: false, sqlite: { found: 1, ok: 0 } })
      expect(readFileSync(precious, 'utf8')).toBe('precious')
    }
  })

  test('with a journal that names a super-journal are not opened: SQLite would remove that, wherever it is', async () => {
    const precious = path.join(work.path, `precious ${++count}`)
    writeFileSync(precious, 'precious')
    const tree = aTree().finish()
    database(path.join(tree.root, 'app.db'), (db) => db.exec('create table t (a)'))
    writeFileSync(path.join(tree.root, 'app.db-journal'), hostileJournal(precious))
    expect(await (await stored(tree)).drill()).toMatchObject({ proven: false, sqlite: { found: 1, ok: 0 } })
    expect(readFileSync(precious, 'utf8')).toBe('precious')
  })
})

/** A rollback journal of no pages that ends with the name of a super-journal (https://www.sqlite.org/fileformat2.html, 3). */
function hostileJournal(superJournal: string): Buffer {
  const header = Buffer.alloc(512)
  Buffer.from('d9d505f920a163d7', 'hex').copy(header)
  header.writeUInt32BE(0, 8)
  header.writeUInt32BE(512, 20)
  header.writeUInt32BE(4096, 24)
  const name = Buffer.from(superJournal)
  const tail = Buffer.alloc(4 + name.length + 4 + 4 + 8)
  tail.writeUInt32BE(1, 0)
  name.copy(tail, 4)
  tail.writeUInt32BE(name.length, 4 + name.length)
  tail.writeUInt32BE(
    name.reduce((sum, byte) => sum + byte, 0),
    8 + name.length,
  )
  Buffer.from('d9d505f920a163d7', 'hex').copy(tail, 12 + name.length)
  return Buffer.concat([header, tail])
}

describe('the Vaultwarden recipe', () => {
  function vault(change: (at: string, db: DatabaseSync) => void = () => {}): SourceTree {
    const tree = sourceTree(path.join(work.path, `source ${++count}`))
      .file('data/rsa_key.pem', 'a key')
      .file('data/attachments/c1/a1', 'an attachment')
      .finish()
    database(path.join(tree.root, 'data/db.sqlite3'), (db) => {
      db.exec('create table users (uuid); create table organizations (uuid); create table ciphers (uuid); create table attachments (id, cipher_uuid)')
      db.exec("insert into attachments values ('a1', 'c1')")
      change(path.join(tree.root, 'data'), db)
    })
    return tree
  }

  test('passes a data directory that has all that Vaultwarden needs', async () => {
    const report = await (await stored(vault())).drill(vaultwardenRecipe)
    expect(report).toMatchObject({ proven: true, recipe: { name: 'vaultwarden' } })
    expect(report.recipe!.checks.every(({ ok }) => ok)).toBe(true)
  })

  test.each<[string, string, (at: string, db: DatabaseSync) => void]>([
    ['a table is missing', 'table ciphers', (_, db) => db.exec('drop table ciphers')],
    ['the key is missing', 'key of sessions', (at) => rmSync(path.join(at, 'rsa_key.pem'))],
    ['an attachment is missing', 'attachments', (at) => rmSync(path.join(at, 'attachments/c1/a1'))],
  ])('fails where %s', async (_, name, change) => {
    const report = await (await stored(vault(change))).drill(vaultwardenRecipe)
    expect(report.proven).toBe(false)
    expect(report.recipe!.checks.filter(({ ok }) => !ok)).toMatchObject([{ name }])
  })

  test('fails where there is no database', async () => {
    const report = await (await stored(aTree().finish())).drill(vaultwardenRecipe)
    expect(report).toMatchObject({ proven: false, recipe: { checks: [{ name: 'db.sqlite3', ok: false }] } })
  })
})

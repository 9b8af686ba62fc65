import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow, jsonOf } from '../support/cli-folder.ts'

let folder: CliFolder
let artifact = ''
beforeAll(async () => {
  folder = await cliFolder()
  folder
    .tree('src')
    .file('docs/a.txt', 'a', { mode: 0o640 })
    .file('docs/deep/b.txt', 'b')
    .file('one', 'linked')
    .link('three', 'one')
    .link('two', 'one')
    .symlink('points', 'docs/a.txt')
    .dir('empty', { mode: 0o700 })
    .finish()
  artifact = await folder.backup(['src'])
})
afterAll(() => folder[Symbol.asyncDispose]())

/** A place to restore to, and where the tree comes out in it. */
function place(name: string): { to: string; src: string } {
  return { to: name, src: folder.at(name, folder.path, 'src') }
}

const restored = (name: string, ...args: string[]) => folder.run(['restore', artifact, '--to', name, '--json', ...args])
const counts = { files: 3, dirs: 4, links: 3, others: 0, bytes: 8 }

describe('restore', () => {
  test('brings everything back below the directory: bytes, modes, times and links', async () => {
    const { to, src } = place('all')
    const end = await restored(to)
    expect(end.code).toBe(0)
    expect(jsonOf(end)).toMatchObject({ restored: counts, skipped: 0, failed: { total: 0 }, damaged: { total: 0 }, conflicts: { total: 0 } })
    expect(await filesBelow(src)).toEqual(['docs/a.txt', 'docs/deep/b.txt', 'one', 'points', 'three', 'two'])
    expect(readFileSync(path.join(src, 'docs', 'deep', 'b.txt'), 'utf8')).toBe('b')
    expect(statSync(path.join(src, 'docs', 'a.txt')).mode & 0o7777).toBe(0o640)
    expect(statSync(path.join(src, 'empty')).mode & 0o7777).toBe(0o700)
    expect(statSync(path.join(src, 'docs'), { bigint: true }).mtimeNs).toBe(1_709_210_096_789_012_345n)
    expect(lstatSync(path.join(src, 'points')).isSymbolicLink()).toBe(true)
    expect(statSync(path.join(src, 'two')).ino).toBe(statSync(path.join(src, 'one')).ino)
  })

  test('tells people in a line', async () => {
    const { stdout, stderr } = await folder.ok(['restore', artifact, '--to', 'told'])
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^3 files, 4 directories, 3 links restored; 8 B\n/)
  })
})

describe('--only', () => {
  test('takes what matches, with everything below it', async () => {
    const { to, src } = place('only-docs')
    expect(jsonOf(await restored(to, '--only', 'docs'))).toMatchObject({ restored: { files: 2, dirs: 2, links: 0 } })
    expect(await filesBelow(src)).toEqual(['docs/a.txt', 'docs/deep/b.txt'])
  })

  test('takes a whole path, and may be given more than once', async () => {
    const { to, src } = place('only-two')
    await restored(to, '--only', `${folder.path}/src/points`, '--only', '*b.txt')
    expect(await filesBelow(src)).toEqual(['docs/deep/b.txt', 'points'])
  })

  test('of a hard link whose first name is not selected brings the content', async () => {
    const { to, src } = place('only-link')
    expect(jsonOf(await restored(to, '--only', 'two'))).toMatchObject({ restored: { files: 1, links: 0, bytes: 6 } })
    expect(await filesBelow(src)).toEqual(['two'])
    expect(readFileSync(path.join(src, 'two'), 'utf8')).toBe('linked')
    expect(statSync(path.join(src, 'two')).nlink).toBe(1)
  })

  test('of two hard links without the first name brings one file with both names', async () => {
    const { to, src } = place('only-links')
    await restored(to, '--only', 'three', '--only', 'two')
    expect(await filesBelow(src)).toEqual(['three', 'two'])
    expect(statSync(path.join(src, 'two')).ino).toBe(statSync(path.join(src, 'three')).ino)
    expect(readFileSync(path.join(src, 'three'), 'utf8')).toBe('linked')
  })

  test('that matches nothing fails', async () => {
    const end = await restored('only-nothing', '--only', 'absent')
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error: 'entry_not_found' })
  })
})

describe('what is there already', () => {
  async function inTheWay(name: string): Promise<{ to: string; src: string; kept: string }> {
    const { to, src } = place(name)
    mkdirSync(path.join(src, 'docs'), { recursive: true })
    const kept = path.join(src, 'docs', 'a.txt')
    writeFileSync(kept, 'mine')
    return { to, src, kept }
  }

  test('stops a restore that was not told what to do with it', async () => {
    const { to, kept } = await inTheWay('fail')
    const end = await restored(to)
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error: 'restore_conflict' })
    expect(readFileSync(kept, 'utf8')).toBe('mine')
  })

  test('is kept by skip', async () => {
    const { to, kept } = await inTheWay('skip')
    const end = await restored(to, '--conflict', 'skip')
    expect({ code: end.code, skipped: jsonOf(end)['skipped'] }).toEqual({ code: 0, skipped: 1 })
    expect(readFileSync(kept, 'utf8')).toBe('mine')
  })

  test('is replaced by overwrite', async () => {
    const { to, kept } = await inTheWay('overwrite')
    expect((await restored(to, '--conflict', 'overwrite')).code).toBe(0)
    expect(readFileSync(kept, 'utf8')).toBe('a')
  })

  test('stands beside what rename restores', async () => {
    const { to, src, kept } = await inTheWay('rename')
    const end = await restored(to, '--conflict', 'rename')
    expect({ code: end.code, renamed: jsonOf(end)['renamed'] }).toEqual({ code: 0, renamed: 1 })
    expect(readFileSync(kept, 'utf8')).toBe('mine')
    expect(readFileSync(path.join(src, 'docs', 'a.txt.restored-1'), 'utf8')).toBe('a')
  })

  test('and is of another kind is left, told, and ends with 3', async () => {
    const { to, src } = place('other-kind')
    mkdirSync(path.join(src, 'one', 'mine'), { recursive: true })
    const end = await restored(to, '--conflict', 'overwrite')
    expect(end.code).toBe(3)
    expect(jsonOf(end)).toMatchObject({
      conflicts: { total: expect.any(Number) as unknown, sample: expect.arrayContaining([expect.stringContaining('src/one')]) as unknown },
    })
    expect(readdirSync(path.join(src, 'one'))).toEqual(['mine'])
    expect(readFileSync(path.join(src, 'two'), 'utf8')).toBe('linked')
  })
})

describe('a damaged artifact', () => {
  let damaged = ''
  beforeAll(async () => {
    const tree = folder.tree('many')
    for (let i = 0; i < 12; i++) tree.file(`file-${String(i).padStart(2, '0')}`, 1024 * 1024)
    tree.finish()
    damaged = await folder.backup(['many'], { target: 'damaged' })
    const part = folder.at(damaged, 'payload.part000001')
    const bytes = readFileSync(part)
    bytes[1_000_000]! ^= 1
    writeFileSync(part, bytes)
  })

  test('is found by verify, which ends with 1 and says what', async () => {
    const end = await folder.run(['verify', damaged, '--json'])
    expect(end.code).toBe(1)
    const report = jsonOf(end) as { ok: boolean; damaged: { total: number; sample: { object: string }[] } }
    expect(report.ok).toBe(false)
    expect(report.damaged.sample.map(({ object }) => object)).toContain('payload.part000001')
    expect((await folder.run(['verify', damaged])).stderr).toMatch(/^NOT OK: /)
    expect((await folder.run(['verify', damaged, '--level', 'chain'])).code).toBe(0)
  })

  test('stops a restore, and gives what is whole when asked', async () => {
    const stopped = await folder.run(['restore', damaged, '--to', 'damaged-stopped', '--json'])
    expect({ code: stopped.code, error: errorCodeOf(stopped) }).toEqual({ code: 1, error: 'artifact_damaged' })
    const end = await folder.run(['restore', damaged, '--to', 'damaged-rest', '--damaged', '--json'])
    expect(end.code).toBe(1)
    const report = jsonOf(end) as { restored: { files: number }; damaged: { total: number } }
    expect(report.damaged.total).toBeGreaterThan(0)
    expect(report.restored.files + report.damaged.total).toBe(12)
    expect(await filesBelow(folder.at('damaged-rest', folder.path, 'many'))).toHaveLength(report.restored.files)
  })

  test('with a changed manifest is listed as damaged and never taken for the latest', async () => {
    const whole = await folder.backup(['src'], { target: 'changed-manifest' })
    const other = await folder.backup(['src'], { target: 'changed-manifest' })
    const manifest = folder.at(other, 'manifest.json')
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"files": 3', '"files": 4'))
    const { stdout } = await folder.ok(['list', 'changed-manifest'])
    expect(stdout).toContain(`${other.replace('changed-manifest/', '')}  DAMAGED: `)
    const found = await folder.ok(['find', 'changed-manifest', 'a.txt', '--json'], { codes: [3] })
    expect(found.stdout.match(/"artifact"/g)).toHaveLength(1)
    expect(found.stderr).toContain('was not searched')
    expect((await folder.ok(['cat', 'changed-manifest@latest', `${folder.path}/src/one`])).stdout).toBe('linked')
    expect((await folder.ok(['verify', whole])).code).toBe(0)
    expect((await folder.run(['ls', other])).code).toBe(1)
  })
})

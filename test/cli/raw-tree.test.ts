import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, jsonOf } from '../support/cli-folder.ts'
import { compareTrees } from '../support/compare-trees.ts'
import type { SourceTree } from '../support/source-tree.ts'

let folder: CliFolder
let tree: SourceTree
beforeAll(async () => {
  folder = await cliFolder()
  tree = folder.tree('src').file('a.txt', 'a').link('b.txt', 'a.txt').file('caf\xe9', 'odd').dir('empty').symlink('link', 'a.txt').finish()
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('--explain', () => {
  test('says how the data would travel, and does nothing', async () => {
    const { stdout, stderr } = await folder.ok(['backup', 'src', '--to', 'explained', '--format', 'raw_tree_v1', '--explain'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^path: files written in place \(raw_tree_v1: .*explained is a folder of this machine/m)
    expect(existsSync(folder.at('explained'))).toBe(false)
    expect(existsSync(folder.at('data'))).toBe(false)
  })

  test('says the same as JSON, and what the format and a limit change', async () => {
    const explain = async (...args: string[]) => jsonOf(await folder.ok(['backup', 'src', '--to', 'explained', '--explain', '--json', ...args]))
    expect(await explain()).toMatchObject({ path: 'archive', hardlink_policy: 'keep' })
    expect(await explain('--format', 'raw_tree_v1')).toMatchObject({ path: 'tree_in_place' })
    expect(await explain('--format', 'raw_tree_v1', '--limit', '5')).toMatchObject({ path: 'tree_objects' })
    expect(await explain('--format', 'raw_tree_v1', '--hardlinks', 'copy')).toMatchObject({ hardlink_policy: 'copy' })
  })
})

describe.each([
  { way: 'written in place', args: [] },
  { way: 'put file by file', args: ['--limit', '100'] },
])('a tree $way', ({ args }) => {
  test('is listed, looked at, compared, verified and restored by the commands for archives', async () => {
    const options = { target: `trees${args.length}`, args: ['--format', 'raw_tree_v1', ...args] }
    const artifact = await folder.backup(['src'], options)
    const again = await folder.backup(['src'], options)
    expect((await folder.ok(['list', options.target])).stdout).toContain('2 files, ')
    expect((await folder.ok(['ls', artifact, folder.at('src')])).stdout.split('\n').filter((line) => line !== '')).toHaveLength(5)
    for (const [name, content] of [
      ['a.txt', 'a'],
      ['b.txt', 'a'],
      ['caf\\xe9', 'odd'],
    ]) {
      expect((await folder.ok(['cat', artifact, `${folder.at('src')}/${name!}`])).stdout).toBe(content)
    }
    expect((await folder.ok(['find', options.target, '*.txt', '--json'])).stdout.split('\n').filter((line) => line !== '')).toHaveLength(4)
    expect((await folder.ok(['diff', artifact, again])).stdout).toBe('')
    for (const level of ['chain', 'sample', 'full']) {
      expect(jsonOf(await folder.ok(['verify', artifact, '--level', level, '--json']))).toMatchObject({ ok: true })
    }
    await folder.ok(['restore', artifact, '--to', `out${args.length}`])
    expect(compareTrees(tree.root, path.join(folder.at(`out${args.length}`), tree.root))).toEqual([])
  })
})

test('the way that was taken is in the events and in the result', async () => {
  const { stdout } = await folder.ok(['backup', 'src', '--to', 'told', '--format', 'raw_tree_v1', '--snapshot', 'off', '--json'])
  const lines = jsonLines(stdout)
  const planning = lines.find(({ kind }) => kind === 'planning')
  expect(planning).toMatchObject({ message: 'tree_in_place', fields: { path: 'tree_in_place' } })
  expect(lines.find(({ kind }) => kind === 'result')).toMatchObject({ summary: { data_path: (planning as { fields: unknown }).fields } })
})

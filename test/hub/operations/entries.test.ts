import { spawnSync } from 'node:child_process'
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { patternOfPath } from '../../../src/core/path-pattern.ts'
import { compareTrees } from '../../support/compare-trees.ts'
import { mixedTree, openOperationCase } from '../../support/operation-case.ts'

test('entries are searched, compared with an earlier backup, and downloaded together', async () => {
  await using ops = await openOperationCase()
  const { client } = ops
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId: before, jobId } = await ops.backup(source.root)
  rmSync(source.at('deep/er/still/one'))
  writeFileSync(source.at('letters/to bob.txt'), 'dear Bob, again')
  writeFileSync(source.at('letters/to [c]*.txt'), 'dear C')
  const { run_id: id } = await client.jobs.run({ params: { id: jobId } })
  while ((await client.runs.get({ params: { id } })).ended_at === null) await new Promise((resolve) => setTimeout(resolve, 20))
  const top = source.root.slice(1)
  const params = { id }

  const search = async (query: string, cursor?: string) =>
    client.entries.search({ params, query: { query, limit: 2, ...(cursor !== undefined && { cursor }) } })
  const first = await search('TO ')
  expect(first.items.map(({ path: found }) => found)).toEqual([`${top}/letters/to [c]*.txt`, `${top}/letters/to ada.txt`])
  const second = await search('TO ', first.next_cursor!)
  expect(second).toMatchObject({ items: [{ path: `${top}/letters/to bob.txt`, kind: 'file', size: 15 }], next_cursor: null })
  expect((await search('*.bin')).items).toMatchObject([{ path: `${top}/large.bin` }])
  await expect(search('[a')).rejects.toMatchObject({ code: 'invalid_spec' })

  const changes = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await client.entries.diff({ params, query: { before, limit: 1, ...(cursor !== undefined && { cursor }) } })
    changes.push(...page.items)
    cursor = page.next_cursor
  }
  expect(changes).toMatchObject([
    { kind: 'removed', entry: { path: `${top}/deep/er/still/one` } },
    { kind: 'added', entry: { path: `${top}/letters/to [c]*.txt` } },
    { kind: 'changed', entry: { path: `${top}/letters/to bob.txt`, size: 15 }, before: { size: 8 }, what: expect.arrayContaining(['content']) },
  ])

  const download = async (only: string[]) => {
    const at = path.join(ops.folder, 'unpacked', String(only.length))
    mkdirSync(at, { recursive: true })
    await pipeline(await client.entries.downloadSelection({ params, query: { only } }), createWriteStream(`${at}.tar`))
    expect(spawnSync('tar', ['-x', '-p', '--delay-directory-restore', '-f', `${at}.tar`, '-C', at], { encoding: 'utf8' })).toMatchObject({
      status: 0,
    })
    return path.join(at, source.root)
  }
  expect(compareTrees(source.root, await download([]))).toEqual([])
  const one = await download([patternOfPath(`${source.root}/letters/to [c]*.txt`)])
  expect(spawnSync('find', [one, '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' }).stdout).toBe('letters/to [c]*.txt\n')
  const two = await download(['*.bin', `${source.root}/letters`])
  expect(spawnSync('find', [two, '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' }).stdout.split('\n')).toHaveLength(5)
  await expect(client.entries.downloadSelection({ params, query: { only: '*.absent' } })).rejects.toMatchObject({ code: 'entry_not_found' })
  expect(ops.hub.errors).toEqual([])
})

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { compareTrees } from '../../support/compare-trees.ts'
import { openOperationCase, type OperationCase } from '../../support/operation-case.ts'
import { type SourceTree, sourceTree } from '../../support/source-tree.ts'
import { mountTmpfs, whyNoTmpfs } from '../../support/tmpfs.ts'

const mebibyte = 2 ** 20
const noTmpfs = await whyNoTmpfs()

function manyFiles(at: string): SourceTree {
  const tree = sourceTree(at)
  for (let number = 0; number < 800; number++) tree.file(`d${number % 9}/${number}`, number % 50 === 0 ? mebibyte : 3000)
  return tree.finish()
}

/** Files that stand under their own names, each compared with the source's. */
function wholeFiles(source: string, at: string): { whole: number; temporary: number } {
  let [whole, temporary] = [0, 0]
  if (!existsSync(at)) return { whole, temporary }
  for (const entry of readdirSync(at, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    if (entry.name.startsWith('.bastion-restore-')) temporary += 1
    else {
      expect(readFileSync(file).equals(readFileSync(path.join(source, path.relative(at, file)))), file).toBe(true)
      whole += 1
    }
  }
  return { whole, temporary }
}

const into = (at: string) => ({ type: 'directory', path: at }) as const

/** A restore of many files that has begun to write them. */
async function begun(ops: OperationCase) {
  const source = manyFiles(path.join(ops.folder, 'source')).root
  const { runId } = await ops.backup(source)
  const params = { id: runId }
  const at = ops.restored('there')
  const { operation_id: id } = await ops.client.operations.restore({ params, body: { destination: into(at) } })
  while (!existsSync(path.join(at, source, 'd0'))) await new Promise((resolve) => setTimeout(resolve, 1))
  return {
    source,
    id,
    at: path.join(at, source),
    again: () => ops.client.operations.restore({ params, body: { destination: into(at), conflict: 'skip' } }),
  }
}

test('a restore whose process is killed is told as interrupted, leaves whole files only, and is finished by another that skips them', async () => {
  await using ops = await openOperationCase()
  const { source, id, at, again } = await begun(ops)
  process.kill(Number(readFileSync(path.join(ops.folder, 'data', 'operations', id, 'lock'), 'latin1')), 'SIGKILL')
  expect(await ops.ended(id)).toMatchObject({ status: 'failed', error_code: 'interrupted' })
  wholeFiles(source, at)
  expect(await ops.ended((await again()).operation_id)).toMatchObject({ status: 'success', outcome: 'success' })
  expect(wholeFiles(source, at).whole).toBe(800)
})

test('a restore that is canceled leaves whole files only, and nothing beside them', async () => {
  await using ops = await openOperationCase()
  const { source, id, at, again } = await begun(ops)
  await ops.client.operations.cancel({ params: { id } })
  // It may have been quicker.
  expect((await ops.ended(id)).status).toMatch(/canceled|success/)
  expect(wholeFiles(source, at).temporary).toBe(0)
  expect(await ops.ended((await again()).operation_id)).toMatchObject({ status: 'success' })
  expect(compareTrees(source, at)).toEqual([])
})

test('where there is no room nothing is written, and the plan says so before', async ({ skip }) => {
  skip(noTmpfs !== undefined, noTmpfs)
  await using ops = await openOperationCase()
  await using disk = await mountTmpfs(ops.restored(), 8 * mebibyte)
  const source = manyFiles(path.join(ops.folder, 'source')).root
  const params = { id: (await ops.backup(source)).runId }
  const plan = await ops.client.operations.planRestore({ params, body: {} })
  expect(plan).toMatchObject({ fits: false })
  expect(plan.needed_bytes).toBeGreaterThan(plan.free_bytes!)
  const { operation_id: id } = await ops.client.operations.restore({ params, body: {} })
  expect(await ops.ended(id)).toMatchObject({
    status: 'failed',
    error_code: 'restore_failed',
    error: { message: expect.stringContaining('are needed') },
  })
  expect(readdirSync(disk.path, { recursive: true })).toEqual([id])
  const { operation_id: some } = await ops.client.operations.restore({ params, body: { only: [`${source}/d1`] } })
  expect(await ops.ended(some)).toMatchObject({ status: 'success' })
})

test('a disk that fills up in the middle leaves whole files only, names what is not there, and the rest comes when there is room', async ({
  skip,
}) => {
  skip(noTmpfs !== undefined, noTmpfs)
  await using ops = await openOperationCase()
  await using _disk = await mountTmpfs(ops.restored(), 8 * mebibyte)
  // How much of a sparse file is data is not known before it is read.
  const tree = sourceTree(path.join(ops.folder, 'source')).file('a', mebibyte)
  tree
    .sparse('b', 64 * mebibyte, [[0, 6 * mebibyte]])
    .file('c', 2 * mebibyte)
    .file('d', 3000)
  const source = tree.finish().root
  const params = { id: (await ops.backup(source)).runId }
  const at = ops.restored('there')
  expect(await ops.client.operations.planRestore({ params, body: { destination: into(at) } })).toMatchObject({ fits: true })
  const { operation_id: id } = await ops.client.operations.restore({ params, body: { destination: into(at) } })
  expect(await ops.ended(id)).toMatchObject({
    status: 'failed',
    error_code: 'restore_failed',
    error: { message: expect.stringContaining('is full: ENOSPC at') },
  })
  const left = wholeFiles(source, path.join(at, source))
  expect(left.temporary).toBe(0)
  expect(left.whole).toBeLessThan(4)
  rmSync(path.join(at, source, 'b'), { force: true })
  const rest = { destination: into(at), conflict: 'skip' as const, only: ['a', 'c', 'd'] }
  expect(await ops.ended((await ops.client.operations.restore({ params, body: rest })).operation_id)).toMatchObject({ status: 'success' })
  expect(wholeFiles(source, path.join(at, source)).whole).toBe(3)
})

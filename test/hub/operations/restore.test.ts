import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { compareTrees } from '../../support/compare-trees.ts'
import { mixedTree, openOperationCase } from '../../support/operation-case.ts'

test('an artifact is restored to a directory of its own, all of it, and the events tell of it', async () => {
  await using ops = await openOperationCase()
  const { client } = ops
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId, jobId } = await ops.backup(source.root)
  const { operation_id: id } = await client.operations.restore({ params: { id: runId }, body: {} })
  const operation = await ops.ended(id)
  expect(operation).toMatchObject({
    kind: 'restore',
    run_id: runId,
    job_id: jobId,
    status: 'success',
    outcome: 'success',
    asked_by: 'person',
    report: { kind: 'restore', destination: ops.restored(id), conflicts: { total: 0 }, restored: { files: 5 } },
  })
  expect(compareTrees(source.root, ops.restored(id, source.root))).toEqual([])
  expect(await ops.kinds(id)).toEqual(['queued', 'dispatched', 'restoring', 'complete'])
  expect((await client.operations.list({ query: { job_id: jobId, kind: 'restore' } })).items).toMatchObject([{ id, status: 'success' }])
  expect(ops.hub.errors).toEqual([])
})

test('a selection is restored with all that lies below it, and nothing else', async () => {
  await using ops = await openOperationCase()
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId } = await ops.backup(source.root)
  const body = { only: [`${source.root}/letters`, 'one'] }
  const { operation_id: id } = await ops.client.operations.restore({ params: { id: runId }, body })
  expect(await ops.ended(id)).toMatchObject({ status: 'success', report: { restored: { files: 3 } } })
  expect(readdirSync(ops.restored(id, source.root)).toSorted()).toEqual(['deep', 'letters'])
  expect(readFileSync(ops.restored(id, source.root, 'letters/to ada.txt'), 'utf8')).toBe('dear Ada')
})

test('a selection that takes nothing fails, and says so', async () => {
  await using ops = await openOperationCase()
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId } = await ops.backup(source.root)
  const { operation_id: id } = await ops.client.operations.restore({ params: { id: runId }, body: { only: ['*.absent'] } })
  expect(await ops.ended(id)).toMatchObject({ status: 'failed', error_code: 'entry_not_found' })
})

test('a directory beyond the restore roots is refused by the node, also through a link that an artifact has brought', async () => {
  await using ops = await openOperationCase()
  const outside = path.join(ops.folder, 'outside')
  const source = mixedTree(path.join(ops.folder, 'source')).symlink('way out', outside).finish()
  mixedTree(outside)
  const { runId } = await ops.backup(source.root)
  const restoreTo = async (place: string) => {
    const { operation_id: id } = await ops.client.operations.restore({
      params: { id: runId },
      body: { destination: { type: 'directory', path: place }, conflict: 'overwrite' },
    })
    return ops.ended(id)
  }
  for (const place of [outside, ops.restored('../../outside'), path.join(ops.folder, 'data', 'restore-beside'), '/'])
    expect(await restoreTo(place), place).toMatchObject({ status: 'failed', error_code: 'not_allowed' })
  expect(await restoreTo('relative')).toMatchObject({ status: 'failed', error_code: 'invalid_spec' })
  expect(await restoreTo(ops.restored('here'))).toMatchObject({ status: 'success' })
  expect(await restoreTo(ops.restored('here', source.root, 'way out'))).toMatchObject({ status: 'failed', error_code: 'not_allowed' })
  expect(await restoreTo(ops.restored('here', source.root, 'way out', 'deeper'))).toMatchObject({ status: 'failed', error_code: 'not_allowed' })
  const asTarget = await ops.client.operations.restore({
    params: { id: runId },
    body: { destination: { type: 'target', target: { type: 'local_dir', path: outside } } },
  })
  expect(await ops.ended(asTarget.operation_id)).toMatchObject({ status: 'failed', error_code: 'not_allowed' })
  expect(compareTrees(mixedTree(path.join(ops.folder, 'pristine')).root, outside, { ignore: ['mtime_ns'] })).toEqual([])
})

test('what is in the way is told under skip, and a conflict that cannot be solved makes it a warning', async () => {
  await using ops = await openOperationCase()
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId } = await ops.backup(source.root)
  const destination = { type: 'directory', path: ops.restored('there') } as const
  const restore = async (conflict: 'fail' | 'skip' | 'overwrite' | 'rename', only: string[] = []) => {
    const { operation_id: id } = await ops.client.operations.restore({ params: { id: runId }, body: { destination, conflict, only } })
    return ops.ended(id)
  }
  expect(await restore('fail', [`${source.root}/letters`])).toMatchObject({ status: 'success' })
  expect(await restore('fail')).toMatchObject({ status: 'failed', error_code: 'restore_conflict' })
  expect(readdirSync(ops.restored('there', source.root))).toEqual(['letters'])
  expect(await restore('skip')).toMatchObject({ status: 'success', outcome: 'success', report: { skipped: 2 } })
  expect(await restore('rename', [`${source.root}/letters`])).toMatchObject({ outcome: 'success', report: { renamed: 2 } })
  expect(existsSync(ops.restored('there', source.root, 'letters', 'to ada.txt.restored-1'))).toBe(true)
})

test('what was asked of a run without an artifact, or of none, is refused', async () => {
  await using ops = await openOperationCase()
  const { client } = ops
  const nobody = '01a1fd05-fef3-705a-a4f8-33b44208a591'
  await expect(client.operations.restore({ params: { id: nobody }, body: {} })).rejects.toMatchObject({ code: 'not_found' })
  await expect(client.operations.get({ params: { id: nobody } })).rejects.toMatchObject({ code: 'not_found' })
  await expect(client.operations.cancel({ params: { id: nobody } })).rejects.toMatchObject({ code: 'not_found' })
})

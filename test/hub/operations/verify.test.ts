import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { mixedTree, openOperationCase } from '../../support/operation-case.ts'

test('every level proves an artifact that is whole, and names the object that is not', async () => {
  await using ops = await openOperationCase()
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId, artifact } = await ops.backup(source.root)
  const verify = async (level: 'chain' | 'sample' | 'full') => {
    const { operation_id: id } = await ops.client.operations.verify({ params: { id: runId }, body: { level, sample_percent: 40 } })
    return ops.ended(id)
  }
  for (const level of ['chain', 'sample', 'full'] as const)
    expect(await verify(level)).toMatchObject({
      status: 'success',
      report: { kind: 'verify', level, ok: true, objects: { expected: 2, checked: 2 } },
    })
  const part = path.join(artifact, 'payload.part000001')
  const bytes = readFileSync(part)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(part, bytes)
  expect(await verify('chain')).toMatchObject({ status: 'success' })
  expect(await verify('full')).toMatchObject({
    status: 'failed',
    error_code: 'artifact_damaged',
    error: { message: expect.stringContaining('payload.part000001') },
    report: { ok: false },
  })
  writeFileSync(part, bytes.subarray(1))
  expect(await verify('chain')).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('payload.part000001') } })
})

test('an artifact that was put in the place of the one the Hub knows is damaged, however whole it is', async () => {
  await using ops = await openOperationCase()
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId, artifact } = await ops.backup(source.root)
  const manifest = JSON.parse(readFileSync(path.join(artifact, 'manifest.json'), 'utf8')) as Record<string, unknown>
  const { Blake3Hasher } = await import('@napi-rs/blake-hash')
  const forged = JSON.stringify({ ...manifest, producer: 'somebody else' })
  writeFileSync(path.join(artifact, 'manifest.json'), forged)
  const complete = JSON.parse(readFileSync(path.join(artifact, 'complete.json'), 'utf8')) as Record<string, unknown>
  const manifest_hash = new Blake3Hasher().update(forged).digest('hex')
  writeFileSync(path.join(artifact, 'complete.json'), JSON.stringify({ ...complete, manifest_hash }))
  const { operation_id: id } = await ops.client.operations.verify({ params: { id: runId }, body: {} })
  expect(await ops.ended(id)).toMatchObject({
    status: 'failed',
    error_code: 'artifact_damaged',
    error: { message: expect.stringContaining('manifest.json') },
  })
})

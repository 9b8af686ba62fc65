import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { soon } from '../../support/node-case.ts'
import { mixedTree, openOperationCase } from '../../support/operation-case.ts'

test('what a drill has proven is known of the job, in the overview and in metrics, and stays known when a later one fails', async () => {
  await using ops = await openOperationCase()
  const { client } = ops
  const source = mixedTree(path.join(ops.folder, 'source'))
  const { runId, jobId, artifact } = await ops.backup(source.root, { drill_schedule: '0 4 * * 0' })
  const job = () => client.jobs.get({ params: { id: jobId } })
  const drill = async () => ops.ended((await client.operations.drill({ params: { id: runId } })).operation_id)
  expect(await job()).toMatchObject({ last_proven_restorable_at: null, measured_restore_seconds: null, last_drill: null })
  expect((await job()).next_drill_at).toBeGreaterThan(Date.now())
  expect((await client.overview.get()).drills).toEqual({ proven: 0, never: 1, oldest_proven_at: null, failing: [] })

  const proof = await drill()
  expect(proof).toMatchObject({ status: 'success', report: { kind: 'drill', proven: true, restored: { files: 5 }, damaged: { total: 0 } } })
  const proven = await job()
  expect(proven).toMatchObject({ last_proven_run_id: runId, last_drill: { operation_id: proof.id, status: 'success' } })
  expect(proven.last_proven_restorable_at).toBe(proof.ended_at)
  expect(proven.measured_restore_seconds).toBeGreaterThan(0)
  const metrics = await (await fetch(`${ops.hub.url}/metrics`)).text()
  expect(metrics).toContain(`bastion_job_last_proven_restorable_timestamp_seconds{job_id="${jobId}",job="job 1"} ${proof.ended_at! / 1000}`)
  expect(metrics).toMatch(new RegExp(`bastion_job_measured_restore_seconds\\{job_id="${jobId}",job="job 1"\\} [0-9.]+`))

  const part = path.join(artifact, 'payload.part000001')
  const bytes = readFileSync(part)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(part, bytes)
  const failed = await drill()
  expect(failed).toMatchObject({
    status: 'failed',
    error_code: 'artifact_damaged',
    error: { message: expect.stringContaining('payload.part000001') },
  })
  expect(await job()).toMatchObject({ last_proven_restorable_at: proof.ended_at, last_drill: { operation_id: failed.id, status: 'failed' } })
  expect((await client.overview.get()).drills).toMatchObject({ proven: 1, never: 0, failing: [{ job_id: jobId, operation_id: failed.id }] })
  // Nothing of either is left, once the node has heard that the Hub has kept all of it.
  await soon(() => (readdirSync(path.join(ops.folder, 'data', 'operations')).length === 0 ? true : undefined))
})

import { existsSync, readFileSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeCase, slowly, soon } from '../support/node-case.ts'

test('a run goes from an offer to its artifact, its events in order, and is forgotten when the Hub has kept it', async () => {
  await using node = await nodeCase()
  await using executor = node.start()
  const { known_runs } = await executor.next('node.hello')
  expect(known_runs).toEqual([])
  const plan = node.plan()
  const { run_id: runId } = plan
  executor.send(node.offer(plan))
  await executor.next('run.accepted')
  const { outcome, last_seq } = await executor.next('run.finished')
  expect(outcome).toMatchObject({
    status: 'success',
    artifact: { format: 'archive_v1', encrypted: false, grade: 'stable', holes: 0, totals: { files: 21 } },
    consistency_changed_total: 0,
    issues: { total: 0 },
  })
  const kinds = node.kept.events.get(runId)!.map(({ kind }) => kind)
  expect(kinds.slice(0, 3)).toEqual(['started', 'planning', 'packaging'])
  expect(kinds.at(-1)).toBe('complete')
  expect(kinds).toHaveLength(last_seq)
  expect(existsSync(`${node.target}/job-1/${runId}/complete.json`)).toBe(true)
  expect(statSync(node.at(runId)).mode & 0o777).toBe(0o700)
  executor.send({ type: 'run.ack', run_id: runId, seq: last_seq, ended: true })
  await soon(() => (existsSync(node.at(runId)) ? undefined : true))
})

test('what a plan asks for and the node cannot do fails the run with a reason', async () => {
  await using node = await nodeCase()
  await using executor = node.start()
  const plan = node.plan({ target: { type: 'local_dir', path: 'not-absolute' } })
  executor.send(node.offer(plan))
  const { outcome } = await executor.next('run.finished')
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_spec', message: expect.stringContaining('absolute path') } })
  expect(node.kept.events.get(plan.run_id)).toMatchObject([{ kind: 'failed', level: 'error', fields: { code: 'invalid_spec' } }])
})

test('an offer that comes twice is one run', async () => {
  await using node = await nodeCase()
  await using executor = node.start()
  const plan = node.plan()
  executor.send(node.offer(plan))
  executor.send(node.offer(plan))
  const { last_seq } = await executor.next('run.finished')
  executor.send(node.offer(plan))
  await soon(() => (executor.messages.filter(({ type }) => type === 'run.accepted').length === 3 ? true : undefined))
  expect(node.journal(plan.run_id)).toHaveLength(last_seq + 1)
})

test('no more runs at once than the node carries out', async () => {
  await using node = await nodeCase()
  await using executor = node.start({ limits: { runs: 1 } })
  const first = node.plan({ pipeline: { ...node.plan().pipeline, ...slowly } })
  const second = node.plan()
  executor.send(node.offer(first))
  executor.send(node.offer(second))
  expect(await executor.next('run.refused')).toMatchObject({ run_id: second.run_id, error: { code: 'node_busy' } })
  executor.send({ type: 'run.cancel', run_id: first.run_id })
  await executor.next('run.finished')
  executor.send(node.offer(second))
  await executor.next('run.finished', ({ run_id }) => run_id === second.run_id)
  expect(node.kept.outcomes.get(second.run_id)).toMatchObject({ status: 'success' })
})

test('credentials are in no file, on no command line and in no environment of a run', async () => {
  await using node = await nodeCase()
  await using executor = node.start()
  const plan = node.plan({ target: { type: 'webdav', base_url: 'http://127.0.0.1:9/dav', username: 'me' } })
  executor.send({ type: 'run.offer', plan, credentials: { password: 'swordfish-7719' } })
  const pid = await node.runnerPid(plan.run_id)
  const seen = ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1')).join()
  executor.send({ type: 'run.cancel', run_id: plan.run_id })
  await executor.next('run.finished')
  const files = ['plan.json', 'journal.ndjson', 'runner.log', 'lock'].map((name) => readFileSync(node.at(plan.run_id, name), 'latin1')).join()
  expect(`${seen}${files}${executor.reports}`).not.toContain('swordfish')
})

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bastion, runBastion } from '../support/bastion-process.ts'
import { admin, setUp, startHttpHub } from '../support/http-hub.ts'

test('from the command line: what a job keeps is changed, looked at before it happens, and done; a run that found nothing holds it', async () => {
  await using hub = await startHttpHub()
  const { client } = await setUp(hub)
  const at = (name: string) => path.join(hub.folder, name)
  await mkdir(at('source'))
  await writeFile(at('source/a.txt'), 'a')
  const { id: job } = await client.jobs.create({
    body: { name: 'a', source: { type: 'filesystem', paths: [at('source')] }, target: { type: 'local_dir', path: at('target') } },
  })
  const backUp = async () => {
    const { run_id: id } = await client.jobs.run({ params: { id: job } })
    while ((await client.runs.get({ params: { id } })).ended_at === null) await wait(50)
    return id
  }
  const env = { XDG_STATE_HOME: at('state'), BASTION_PASSWORD: admin.password }
  const run = async (...args: string[]) => (await bastion(args, { cwd: hub.folder, env })).stdout
  const fails = async (...args: string[]) => (await runBastion(args, { cwd: hub.folder, env })).stderr
  await run('login', hub.url, '--username', admin.username)
  const [first, second] = [await backUp(), await backUp()]

  await writeFile(at('policy.json'), JSON.stringify({ mode: 'custom', enabled: true, keep_last: 1, max_delete_per_tick: 1 }))
  const preview = await run('retention', 'preview', job, '--policy', 'policy.json', '--months', '1')
  expect(preview).toMatch(new RegExp(`^keep {2}${second} {2}\\S+ {2}the newest good artifact; the last one$`, 'm'))
  expect(preview).toMatch(new RegExp(`^delete {2}${first} {2}\\S+ {2}not one of the last ones$`, 'm'))
  expect(preview).toMatch(/^\d{4}-\d\d {2}\d+ made {2}\d+ deleted {2}1 kept\n1 kept, 1 deleted, 1 of them now {2}fingerprint [0-9a-f]{32}\n$/m)
  expect(await run('retention', 'set', job, 'policy.json')).toBe('its own  on\nkeep_last  1\nat most  1 at a look, 200 a day\n')

  await rm(at('source/a.txt'))
  const empty = await backUp()
  const held = 'a run found far less than the ones before: 0 files, where 1 are normal; 0 bytes, where 1 are normal'
  expect(await run('retention', 'brakes')).toMatch(new RegExp(`^brake suspicious {2}${job} {2}\\S+ {2}${held} {2}released by a person`))
  expect(await fails('retention', 'apply', job)).toContain(`a brake is on: ${held}`)
  expect(await fails('retention', 'accept', second)).toContain('is no suspicious artifact')
  expect(await run('retention', 'give-up', empty)).not.toContain('brake')

  expect(await run('retention', 'apply', job)).toBe(`${first}  will be deleted\n1 more must wait\n`)
  const { fingerprint } = JSON.parse(await run('retention', 'preview', job, '--json')) as { fingerprint: string }
  expect(await run('retention', 'apply', job, '--fingerprint', fingerprint)).toBe(`${empty}  will be deleted\n0 more must wait\n`)
  while ((await client.artifacts.list()).items.length > 1) await wait(50)
  expect(await readdir(path.join(at('target'), job))).toEqual([second])
})

import { spawnSync } from 'node:child_process'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bastionProgram } from '../support/bastion-program.ts'
import { bastion, jsonLines, runBastion, type RunningProcess, startProcess } from '../support/bastion-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** A Hub as a person starts it: its address is what it prints. */
async function startHub(
  folder: string,
  args: readonly string[] = ['hub', '--port', '0'],
): Promise<AsyncDisposable & { url: string; process: RunningProcess }> {
  const said = path.join(folder, `said-${args.length}`)
  // The output goes to a file, to be read while the program runs; not the one of a Hub before.
  await rm(said, { force: true })
  const started = startProcess(['sh', '-c', 'exec "$@" > "$0"', said, process.execPath, bastionProgram, ...args], {
    cwd: folder,
    env: { BASTION_DATA_DIR: path.join(folder, 'data') },
  })
  for (;;) {
    const url = /listens on (\S+)/.exec(await readFile(said, 'utf8').catch(() => ''))?.[1]
    if (url !== undefined) {
      return {
        url,
        process: started,
        async [Symbol.asyncDispose]() {
          started.signal('SIGTERM')
          await started.ended
        },
      }
    }
    if (started.hasEnded) throw new Error((await started.ended).stderr)
    await wait(20)
  }
}

test('from the command line: the first administrator, a job, a run that is followed to its end, its end in the lists', async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => path.join(folder.path, name)
  await mkdir(at('source'))
  await writeFile(at('source/a.txt'), 'a')
  await using hub = await startHub(folder.path)
  const env = { XDG_STATE_HOME: at('state'), BASTION_PASSWORD: 'correct horse battery' }
  const run = (...args: string[]) => bastion(args, { cwd: folder.path, env })

  expect((await runBastion(['job', 'list'], { env: { ...env, BASTION_HUB_URL: hub.url } })).stderr).toContain('nobody is signed in')
  expect((await run('login', hub.url, '--username', 'ada')).stdout).toContain('as ada (admin)')
  expect((await stat(at('state/bastion/session.json'))).mode & 0o777).toBe(0o600)
  expect(await readFile(at('state/bastion/session.json'), 'utf8')).not.toContain('correct horse')
  // Once there is somebody, the same command signs in.
  await run('login', hub.url, '--username', 'ada')

  await writeFile(
    at('job.json'),
    JSON.stringify({ name: 'a', source: { type: 'filesystem', paths: [at('source')] }, target: { type: 'local_dir', path: at('target') } }),
  )
  const job = (await run('job', 'create', 'job.json')).stdout.trim()
  expect((await run('job', 'list')).stdout).toMatch(new RegExp(`^${job} {2}a {2}by hand {2}never ran$`, 'm'))
  const followed = await run('job', 'run', job, '--follow', '--json')
  expect(jsonLines(followed.stdout).map(({ seq }) => seq)).toEqual(jsonLines(followed.stdout).map((_, index) => index + 1))
  expect(jsonLines(followed.stdout).at(-1)).toMatchObject({ kind: 'complete' })

  const [listed] = jsonLines((await run('run', 'list', '--job', job, '--json')).stdout)
  expect(listed).toMatchObject({ job_id: job, status: 'success' })
  expect(JSON.parse((await run('run', 'show', String(listed!['id']))).stdout)).toMatchObject({ state: 'finished' })
  expect((await runBastion(['run', 'cancel', String(listed!['id'])], { env })).stderr).toContain('the run has ended')
  expect((await bastion(['list', at('target')], { env })).stdout).toContain(job)

  const runId = String(listed!['id'])
  expect((await run('artifact', 'list', '--job', job)).stdout).toMatch(new RegExp(`^${runId} {2}a {2}\\S+ {2}present {2}1 files, `))
  expect((await run('artifact', 'check', runId)).stdout).toBe(`${runId}  ok  present\n`)
  expect((await run('artifact', 'holds')).stdout).toBe('')
  expect((await run('artifact', 'confirm-missing', 'nowhere')).stdout).toBe('nowhere  0 artifacts\n')
  await run('artifact', 'pin', runId)
  expect((await run('artifact', 'list', '--pinned')).stdout).toMatch(/ {2}pinned$/m)
  expect((await runBastion(['artifact', 'delete', runId], { env })).stderr).toContain('is pinned')
  await run('artifact', 'delete', runId, '--force')
  while ((await run('artifact', 'list')).stdout !== '') await wait(50)
  expect((await run('artifact', 'list', '--status', 'deleted')).stdout).toContain(runId)
  expect((await run('artifact', 'log', runId)).stdout).toMatch(/requested.*\n.*started.*\n.* {2}info {2}deleted {2}it is deleted\n$/)
  expect((await bastion(['artifact', 'check', runId], { env, codes: [1] })).stdout).toBe(`${runId}  not there  deleted\n`)
  expect((await runBastion(['artifact', 'retry', runId], { env })).stderr).toContain('a delete that is done cannot retry now')
  expect((await runBastion(['list', at('target')], { env })).stdout).toBe('')

  await run('logout')
  expect((await runBastion(['run', 'list'], { env: { ...env, BASTION_HUB_URL: hub.url } })).code).toBe(1)
})

test('from the command line: credentials are kept and never shown, a key is made and given out for the password', async () => {
  await using folder = await temporaryFolder()
  await using hub = await startHub(folder.path)
  const env = { XDG_STATE_HOME: path.join(folder.path, 'state'), BASTION_PASSWORD: 'correct horse battery' }
  const run = (...args: string[]) => bastion(args, { cwd: folder.path, env })
  const fails = async (...args: string[]) => (await runBastion(args, { cwd: folder.path, env })).stderr
  await run('login', hub.url, '--username', 'ada')

  const values = path.join(folder.path, 'values.json')
  await writeFile(values, JSON.stringify({ password: 'of the storage' }))
  await run('secret', 'set', 'dav', '--kind', 'webdav', '--values', 'values.json')
  const [first] = jsonLines((await run('secret', 'list', '--json')).stdout)
  expect(first).toEqual({ name: 'dav', kind: 'webdav', created_at: expect.any(Number), updated_at: expect.any(Number) })
  expect(await fails('secret', 'set', 'dav', '--kind', 's3', '--values', 'values.json')).toContain('Unrecognized key')
  await writeFile(values, JSON.stringify({ secret_access_key: 'k' }))
  expect(await fails('secret', 'set', 'dav', '--kind', 's3', '--values', 'values.json')).toContain('the secret dav is for webdav')
  expect(await fails('secret', 'set', 'dav', '--kind', 'webdav')).toContain('there is no terminal to ask for')
  expect((await run('secret', 'list')).stdout).toMatch(/^dav {2}webdav {2}\S+\n$/)
  await run('secret', 'remove', 'dav')
  expect(await fails('secret', 'remove', 'dav')).toContain('has no secret dav')

  const recipient = (await run('key', 'create', 'vault')).stdout.trim()
  expect((await run('key', 'list')).stdout).toBe(`vault  ${recipient}  kept by this Hub alone\n`)
  const identity = path.join(folder.path, 'identity.txt')
  await writeFile(identity, (await run('key', 'export', 'vault')).stdout)
  expect(spawnSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).stdout.trim()).toBe(recipient)
  expect((await run('key', 'list')).stdout).toMatch(/ {2}exported \S+\n$/)

  await writeFile(
    path.join(folder.path, 'job.json'),
    JSON.stringify({
      name: 'letters',
      source: { type: 'filesystem', paths: [folder.path] },
      target: { type: 'local_dir', path: path.join(folder.path, 'target') },
      pipeline: { encryption: { type: 'age_x25519', key_name: 'paper' } },
    }),
  )
  const job = (await run('job', 'create', 'job.json')).stdout.trim()
  expect(await fails('job', 'run', job)).toMatch(/the key paper is kept by this Hub alone[^]*bastion key sheet NAME/)
  const sheet = (await run('key', 'sheet', 'paper')).stdout
  expect(sheet).toMatch(/^ {4}AGE-SECRET-KEY-1[A-Z0-9]{58}$/m)
  expect(sheet).toContain(`bastion restore ${path.join(folder.path, 'target')}/${job}@latest --to DIR --identity key.txt`)
  await run('job', 'run', job, '--follow')

  env.BASTION_PASSWORD = 'not the one of ada'
  expect(await fails('key', 'export', 'vault')).toContain('the user name or the password is wrong')
})

test('a password that was forgotten is reset where the data of the Hub lie, while it does not run, and ends every session', async () => {
  await using folder = await temporaryFolder()
  const env = { XDG_STATE_HOME: path.join(folder.path, 'state'), BASTION_PASSWORD: 'forgotten by now' }
  const data = ['--data-dir', path.join(folder.path, 'data')]
  const reset = (name: string, password: string) =>
    runBastion(['user', 'reset-password', name, ...data], { env: { ...env, BASTION_PASSWORD: password } })
  expect((await reset('ada', 'another password')).stderr).toContain('no Hub has its data in')
  {
    await using hub = await startHub(folder.path)
    await bastion(['login', hub.url, '--username', 'ada'], { env })
    expect((await reset('ada', 'another password')).stderr).toContain('another Hub runs on')
  }
  expect((await reset('bob', 'another password')).stderr).toContain('It has ada.')
  expect((await reset('ada', 'short')).stderr).toContain('at least 10 characters')
  expect(await reset('ADA', 'another password')).toMatchObject({ code: 0 })

  await using hub = await startHub(folder.path)
  const list = () => runBastion(['job', 'list'], { env: { ...env, BASTION_HUB_URL: hub.url } })
  expect((await list()).stderr).toContain('nobody is signed in')
  expect((await runBastion(['login', hub.url, '--username', 'ada'], { env })).stderr).toContain('the password is wrong')
  await bastion(['login', hub.url, '--username', 'ada'], { env: { ...env, BASTION_PASSWORD: 'another password' } })
  expect(await list()).toMatchObject({ code: 0 })
})

test('a second Hub on the data directory of the first is refused, and a Hub that is asked to stop does so without complaint', async () => {
  await using folder = await temporaryFolder()
  await using hub = await startHub(folder.path)
  const second = await runBastion(['hub', '--port', '0', '--data-dir', path.join(folder.path, 'data')])
  expect(second).toMatchObject({ code: 1 })
  expect(second.stderr).toContain('another Hub runs on')
  hub.process.signal('SIGTERM')
  expect(await hub.process.ended).toMatchObject({ code: 0, stderr: 'Bastion stops. Runs under way go on.\n' })
  await using again = await startHub(folder.path, ['hub', '--port', '0', '--host', '127.0.0.1'])
  expect(again.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
})

test.each([
  [['hub', '--host', '0.0.0.0'], 'without TLS everybody on the way reads passwords'],
  [['hub', '--tls-cert', 'cert.pem'], '--tls-cert and --tls-key belong together'],
  [['hub', '--tls-cert', 'absent.pem', '--tls-key', 'absent.pem'], 'cannot be read (ENOENT)'],
  [['hub', '--public-url', 'https://host/path'], 'no address such as'],
  [['hub', '--port', '70000'], 'a port is a number up to 65535'],
])('%j cannot be meant, and nothing is made', async (args, message) => {
  await using folder = await temporaryFolder()
  const data = path.join(folder.path, 'data')
  const end = await runBastion(args, { cwd: folder.path, env: { BASTION_DATA_DIR: data } })
  expect(end).toMatchObject({ code: 2 })
  expect(end.stderr).toContain(message)
  await expect(stat(data)).rejects.toThrow('ENOENT')
})

test('no Hub there is said as that', async () => {
  await using folder = await temporaryFolder()
  const end = await runBastion(['job', 'list', '--json'], { env: { XDG_STATE_HOME: folder.path, BASTION_HUB_URL: 'http://127.0.0.1:1' } })
  expect(end.code).toBe(1)
  expect(jsonLines(end.stdout)).toMatchObject([{ kind: 'error', code: 'hub_unreachable' }])
})

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow, jsonOf } from '../support/cli-folder.ts'
import { startOpenssh, whyNoOpenssh, type OpensshServer } from '../support/servers/openssh-server.ts'

const whyNot = whyNoOpenssh()
describe.skipIf(whyNot !== undefined)(`a backup on an SFTP server${whyNot === undefined ? '' : ` (${whyNot})`}`, () => {
  let server: OpensshServer
  let folder: CliFolder
  let env: Record<string, string>
  let target: string
  beforeAll(async () => {
    server = await startOpenssh()
    folder = await cliFolder()
    folder.tree('src').file('a.txt', 'content of a').file('deep/b.txt', 'content of b').finish()
    env = { BASTION_SFTP_KEY_FILE: server.privateKeyFile, BASTION_SFTP_HOST_KEY: server.fingerprint, SSH_AUTH_SOCK: '' }
    target = `sftp://${server.username}@127.0.0.1:${server.port}${server.folder}/backups`
  })
  afterAll(async () => {
    await folder[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  test('is refused while the host key is not pinned, and tells it; with it in the URL all goes from there to the restore', async () => {
    const args = ['--job-id', 'docs', '--snapshot', 'off', '--json']
    const refused = await folder.run(['backup', 'src', '--to', target, ...args], { env: { ...env, BASTION_SFTP_HOST_KEY: '' } })
    expect({ code: refused.code, error: errorCodeOf(refused) }).toEqual({ code: 1, error: 'target_identity' })
    expect(refused.stderr).toContain(`?host_key=${server.fingerprint}`)
    expect(await filesBelow(`${server.folder}/backups`)).toEqual([])

    const pinned = `${target}?host_key=${server.fingerprint}`
    const asked = { env: { ...env, BASTION_SFTP_HOST_KEY: '' } }
    await folder.ok(['backup', 'src', '--to', pinned, ...args], asked)
    expect((await folder.ok(['cat', `${pinned}/docs@latest`, `${folder.path}/src/deep/b.txt`], asked)).stdout).toBe('content of b')
    const [before = '', query = ''] = pinned.split('?')
    expect(jsonOf(await folder.ok(['verify', `${before}/docs@latest?${query}`, '--json'], asked))).toMatchObject({ ok: true })
    await folder.ok(['restore', `${pinned}@latest`, '--to', 'out'], asked)
    expect(readFileSync(folder.at('out', folder.path, 'src', 'a.txt'), 'utf8')).toBe('content of a')
  })

  test('is found, read and verified with what the environment says', async () => {
    const { stdout } = await folder.ok(['list', target, '--json'], { env })
    const { job_id: jobId, run_id: runId } = JSON.parse(stdout.split('\n')[0]!) as { job_id: string; run_id: string }
    expect(jsonOf(await folder.ok(['verify', `${target}/${jobId}/${runId}`, '--json'], { env }))).toMatchObject({ ok: true })
    expect((await filesBelow(`${server.folder}/backups`)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})

import { spawn, execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCode } from '../../../src/core/errors.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { freePort } from '../../support/servers/free-port.ts'
import { startOpenssh, whyNoOpenssh, type OpensshServer } from '../../support/servers/openssh-server.ts'
import { startPlainSftp } from '../../support/servers/plain-sftp-server.ts'
import { sftpTarget } from '../../support/servers/sftp-target.ts'
import { startTcpProxy } from '../../support/servers/tcp-proxy.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const exec = promisify(execFile)
const otherFingerprint = `SHA256:${'A'.repeat(43)}`

/** What goes wrong when the target is used. */
async function errorOf(target: Target): Promise<Error> {
  try {
    await target.put('job/object', Buffer.from('x'))
    throw new Error('it was let in')
  } catch (error) {
    return error as Error
  } finally {
    await target.close()
  }
}

async function expectLetIn(target: Target): Promise<void> {
  try {
    await target.put('job/object', Buffer.from('x'))
    expect(await target.stat('job/object')).toMatchObject({ sizeBytes: 1 })
  } finally {
    await target.close()
  }
}

const whyNot = whyNoOpenssh()
describe.skipIf(whyNot !== undefined)(`on OpenSSH${whyNot === undefined ? '' : ` (${whyNot})`}`, () => {
  let server: OpensshServer
  beforeAll(async () => {
    server = await startOpenssh()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  const at = (name: string): string => path.join(server.folder, name)

  describe('a host key', () => {
    test('that is not pinned is refused, tells its fingerprint, and is good once that is pinned', async () => {
      const error = await errorOf(sftpTarget(server, { path: at('unpinned'), hostKey: undefined }))
      expect(error).toMatchObject({ code: 'target_identity', retryable: false, details: { host_key: server.fingerprint } })
      expect(error.message).toContain(`${server.fingerprint} (ssh-ed25519)`)
      expect(existsSync(at('unpinned'))).toBe(false)
      const told = (error as unknown as { details: { host_key: string } }).details.host_key
      await expectLetIn(sftpTarget(server, { path: at('unpinned'), hostKey: told }))
    })

    test('that is not the pinned one is refused', async () => {
      const error = await errorOf(sftpTarget(server, { path: at('mismatch'), hostKey: otherFingerprint }))
      expect(error).toMatchObject({ code: 'target_identity', retryable: false, details: { host_key: server.fingerprint } })
      expect(existsSync(at('mismatch'))).toBe(false)
    })

    test('may be one of several', async () => {
      await expectLetIn(sftpTarget(server, { path: at('several'), hostKey: `${otherFingerprint},${server.fingerprint}` }))
    })

    test('that changes while the target is used is refused when it is connected again', async () => {
      await using impostor = await startPlainSftp()
      await using proxy = await startTcpProxy(server.port)
      const target = sftpTarget({ ...server, port: proxy.port }, { path: at('changed') })
      await target.put('job/object', Buffer.from('x'))
      proxy.leadTo(impostor.port)
      proxy.cut()
      await target.stat('job/object').catch(() => {}) // may still learn of the cut itself
      await expect(target.stat('job/object')).rejects.toMatchObject({ code: 'target_identity', details: { host_key: impostor.fingerprint } })
      expect(impostor.requests).toEqual([])
      await target.close()
    })
  })

  test.each([
    ['a key nobody knows', async () => ({ privateKey: await newKey('') })],
    ['a user nobody knows', async () => ({ username: 'nobody-of-that-name' })],
    ['a password where none is taken', async () => ({ privateKey: undefined, password: 'hunter2' })],
    ['nothing at all', async () => ({ privateKey: undefined })],
  ])('%s is a matter of credentials, not of the network', async (_, options) => {
    const error = await errorOf(sftpTarget(server, { path: at('refused'), ...(await options()) }))
    expect(error).toMatchObject({ code: 'target_auth', retryable: false })
    expect(JSON.stringify([error, error.message])).not.toContain('hunter2')
  })

  test('a key with a passphrase opens with it, and says what is missing without', async () => {
    await using folder = await temporaryFolder()
    const locked = path.join(folder.path, 'locked')
    await exec('cp', [server.privateKeyFile, locked])
    await exec('chmod', ['600', locked])
    await exec('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', locked])
    const privateKey = await readFile(locked, 'utf8')
    await expectLetIn(sftpTarget(server, { path: at('passphrase'), privateKey, passphrase: 'open sesame' }))
    for (const passphrase of [undefined, 'wrong']) {
      expect(() => sftpTarget(server, { path: at('locked'), privateKey, passphrase })).toThrow(
        expect.objectContaining({ code: 'invalid_spec', message: expect.stringContaining('passphrase') }),
      )
    }
  })

  test('what is no private key is refused before anything is connected', () => {
    for (const privateKey of ['nonsense', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Zk0gkbh1Ey9Ct8p7lI0FJ4lsgg0ppGtDlz4gAc0ej x']) {
      expect(() => sftpTarget(server, { path: at('x'), privateKey })).toThrow(expect.objectContaining({ code: 'invalid_spec' }))
    }
  })

  test('a key may be kept by an agent', async () => {
    await using folder = await temporaryFolder()
    const socket = path.join(folder.path, 'agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      await once(agent.stdout, 'data')
      const options = { path: at('agent'), privateKey: undefined, agentSocket: socket }
      expect(await errorOf(sftpTarget(server, options))).toMatchObject({ code: 'target_auth' })
      await exec('ssh-add', ['-q', server.privateKeyFile], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
      await expectLetIn(sftpTarget(server, options))
    } finally {
      agent.kill()
      await once(agent, 'close')
    }
    const gone = await errorOf(sftpTarget(server, { path: at('agent'), privateKey: undefined, agentSocket: socket }))
    expect(gone).toMatchObject({ code: 'target_auth', message: expect.stringContaining('agent') })
  })

  async function newKey(passphrase: string): Promise<string> {
    await using folder = await temporaryFolder()
    const file = path.join(folder.path, 'key')
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', file])
    return await readFile(file, 'utf8')
  }
})

describe.each(['password', 'keyboard-interactive'] as const)('a password asked for by %s', (asks) => {
  test('lets in when it is right, and is told to nobody when it is wrong', async () => {
    await using server = await startPlainSftp({ asks })
    await using folder = await temporaryFolder()
    await expectLetIn(sftpTarget(server, { path: folder.path }))
    const error = await errorOf(sftpTarget(server, { path: folder.path, password: 'hunter2' }))
    expect(error).toMatchObject({ code: 'target_auth' })
    expect(JSON.stringify([error, error.message, String(error.cause)])).not.toContain('hunter2')
  })
})

test('a server that is not there is unreachable, and so is a name nobody has', async () => {
  const somewhere = { port: await freePort(), username: 'x', fingerprint: otherFingerprint }
  for (const options of [{ path: '/x' }, { path: '/x', host: 'nowhere.invalid' }]) {
    const error = await errorOf(sftpTarget(somewhere, options))
    expect(hasCode(error, 'target_unreachable') && error.retryable, String(error)).toBe(true)
  }
})

test('opening and closing a target talks to nobody', async () => {
  await using proxy = await startTcpProxy(1)
  const target = sftpTarget({ port: proxy.port, username: 'x', fingerprint: otherFingerprint }, { path: '/x' })
  expect(target.label).toBe(`sftp://127.0.0.1:${proxy.port}/x`)
  await target.close()
  expect(proxy.connections).toBe(0)
})

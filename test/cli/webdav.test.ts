import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWebdavTarget } from '../../src/engine/targets/webdav/webdav-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow, jsonOf } from '../support/cli-folder.ts'
import type { WebdavServer } from '../support/servers/webdav-server.ts'
import { webdavKinds } from '../support/servers/webdav-servers.ts'

const account = { username: 'backup', password: 'hunter2!' }
const env = { BASTION_WEBDAV_USERNAME: account.username, BASTION_WEBDAV_PASSWORD: account.password }

describe.each(webdavKinds)('a target on $name', (kind) => {
  let server: WebdavServer | undefined
  let folder: CliFolder
  beforeAll(async () => {
    folder = await cliFolder()
    server = kind.whyNot === undefined ? await kind.start({ account }) : undefined
    const tree = folder.tree('src').file('a.txt', 'hello').file('sub/large', 'x'.repeat(3_000_000))
    tree.finish()
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test('is backed up to, listed, verified, read and restored from', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const target = `webdav+${server.url}/backups`
    const key = generateAgeKeyPair()
    const identity = { ...env, BASTION_IDENTITY: key.identity }
    const args = ['--to', target, '--job-id', 'docs', '--snapshot', 'off', '--part-size', '1', '--encrypt-to', key.recipient]
    await folder.ok(['backup', 'src', ...args], { env })

    expect((await folder.ok(['list', target], { env })).stdout).toContain('docs/')
    expect(jsonOf(await folder.ok(['verify', `${target}/docs@latest`, '--json'], { env: identity }))).toMatchObject({ ok: true })
    expect((await folder.ok(['cat', `${target}@latest`, `${folder.path}/src/a.txt`], { env: identity })).stdout).toBe('hello')
    await folder.ok(['restore', `${target}/docs@latest`, '--to', 'out'], { env: identity })
    expect(folder.text('out', folder.path, 'src', 'sub', 'large')).toHaveLength(3_000_000)
    expect((await filesBelow(server.folder)).filter((file) => file.endsWith('.tmp'))).toEqual([])
  })

  test('is restored to from a backup elsewhere, and told what it cannot hold', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    folder.tree('linked').file('b.txt', 'hello again').symlink('link', 'b.txt').finish()
    const artifact = await folder.backup(['linked'], { target: 'local', job: kind.name.toLowerCase() })
    const to = ['--to', `webdav+${server.url}/restored`]
    const end = await folder.run(['restore', artifact, ...to], { env })
    expect(end.code).toBe(3)
    expect(end.stderr).toContain('1 files, 0 directories, 0 links restored; 11 B\n')
    expect(end.stderr).toContain('1 symbolic links are not restored: the place keeps none\n')
    expect(readFileSync(path.join(server.folder, 'restored', folder.path, 'linked', 'b.txt'), 'utf8')).toBe('hello again')
    expect(errorCodeOf(await folder.run(['restore', artifact, ...to, '--json'], { env }))).toBe('restore_conflict')
    expect(jsonOf(await folder.run(['restore', artifact, ...to, '--conflict', 'skip', '--json'], { env }))).toMatchObject({ skipped: 1 })
    expect((await folder.run(['restore', artifact, '--to', 'webdav+http://'], { env })).code).toBe(2)
  })

  test('is known again, and refused when it has become another one', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const args = ['backup', 'src', '--to', `webdav+${server.url}/known`, '--job-id', 'docs', '--snapshot', 'off', '--json']
    await folder.ok(args, { env })
    const target = createWebdavTarget({ baseUrl: `${server.url}/known`, ...account, timeoutMs: 30_000, clock: { now: Date.now } })
    await target.remove('bastion-target.json')
    await target.close()
    expect(errorCodeOf(await folder.run(args, { env }))).toBe('target_identity')
    expect((await readdir(path.join(server.folder, 'known'))).toSorted()).toEqual(['docs'])
  })

  test('is told apart from wrong credentials, and its password is nowhere to be seen', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const target = `webdav+${server.url.replace('http://', 'http://backup:hunter3%21@')}/wrong`
    for (const json of [[], ['--json']]) {
      const end = await folder.run(['backup', 'src', '--to', target, '--snapshot', 'off', ...json])
      expect(end.code).toBe(1)
      expect(end.stdout + end.stderr).not.toMatch(/hunter/)
      if (json.length > 0) expect(errorCodeOf(end)).toBe('target_auth')
    }
    // Nor is the right one of a backup that succeeds.
    const right = `webdav+${server.url.replace('http://', 'http://backup:hunter2!@')}/right`
    const end = await folder.ok(['backup', 'src', '--to', right, '--snapshot', 'off'])
    expect(end.stdout).toContain('/right/')
    expect(end.stdout + end.stderr).not.toMatch(/hunter/)
    for (const file of await filesBelow(folder.at('data'))) expect(readFileSync(folder.at('data', file), 'utf8')).not.toMatch(/hunter/)
    expect(await readdir(server.folder)).not.toContain('wrong')
  })
})

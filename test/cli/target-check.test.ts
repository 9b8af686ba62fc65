import { readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodeOf } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, filesBelow, jsonOf } from '../support/cli-folder.ts'
import { misbehavingProxy } from '../support/servers/misbehaving-proxy.ts'
import { webdavKinds } from '../support/servers/webdav-servers.ts'

const apache = webdavKinds.find(({ name }) => name === 'Apache')!

describe('target check', () => {
  let folder: CliFolder
  beforeAll(async () => {
    folder = await cliFolder()
    folder.tree('src').file('a.txt', 'a').finish()
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  test('of a folder that holds a backup says what is kept, and leaves it as it was', async () => {
    await folder.backup(['src'])
    const before = await filesBelow(folder.at('backups'))
    const { stdout, stderr } = await folder.ok(['target', 'check', 'backups'])
    expect(stdout).toMatch(/^what was put is got again, byte for byte +ok$/m)
    expect(stdout).toMatch(/^\d+ ok, 0 failed, 0 not claimed$/m)
    expect(stderr).toBe('')
    expect(await filesBelow(folder.at('backups'))).toEqual(before)
    expect((await readdir(folder.at('backups'))).filter((name) => name.startsWith('bastion_check_'))).toEqual([])
    expect((await folder.ok(['verify', 'backups@latest'])).code).toBe(0)
  })

  test('of memory gives one JSON value, with advice', async () => {
    const report = jsonOf(await folder.ok(['target', 'check', 'memory:', '--json']))
    expect(report).toMatchObject({
      target: 'memory:',
      ok: true,
      cases: expect.arrayContaining([{ name: 'an object may be empty', status: 'ok' }]) as unknown,
    })
    expect(report['advice']).toMatchObject([{ feature: 'durable_put' }, { feature: 'streaming_put' }, { feature: 'real_tree' }])
  })

  test('of another target than the one known there is refused, and nothing is written', async () => {
    await folder.backup(['src'], { target: 'known' })
    await rename(folder.at('known'), folder.at('elsewhere'))
    const end = await folder.run(['target', 'check', 'known', '--json'])
    expect({ code: end.code, error: errorCodeOf(end) }).toEqual({ code: 1, error: 'target_identity' })
    expect(await readdir(folder.path)).not.toContain('known')
  })

  test.each([[['target', 'check']], [['target']], [['target', 'check', 'ftp://host/dir']], [['target', 'check', 'x', 'y']]])(
    '%j is a command line that cannot be meant',
    async (args) => {
      expect((await folder.run(args)).code).toBe(2)
    },
  )

  describe('on WebDAV', () => {
    test('says what holds on Apache, what is not claimed, and leaves nothing behind', async ({ skip }) => {
      if (apache.whyNot !== undefined) return skip(apache.whyNot)
      await using server = await apache.start()
      const { stdout } = await folder.ok(['target', 'check', `webdav+${server.url}/some/place`])
      expect(stdout).toMatch(/^of many who put with ifAbsent at once exactly one wins +not claimed \(conditional_put\)$/m)
      expect(stdout).toMatch(/, 0 failed, 6 not claimed$/m)
      expect(stdout).toMatch(/^ {2}holds_pieces: .*64 MiB/m)
      expect(await readdir(path.join(server.folder, 'some', 'place'))).toEqual([])
    })

    test('fails, saying why, where something changes bytes on the way', async ({ skip }) => {
      if (apache.whyNot !== undefined) return skip(apache.whyNot)
      await using server = await apache.start()
      let bodies = 0
      await using proxy = await misbehavingProxy(server.url, ({ method }) => (method === 'PUT' && ++bodies === 2 ? { flip: true } : undefined))
      const end = await folder.run(['target', 'check', `webdav+${proxy.endpoint}${new URL(server.url).pathname}`])
      expect(end.code).toBe(1)
      expect(end.stdout).toMatch(/^what was put is got again, byte for byte +FAILED: the byte at 50000: \d+ instead of \d+$/m)
      expect(end.stdout).toMatch(/^\d+ ok, 1 failed, /m)
      expect(end.stdout).toMatch(/^nothing is left of the check +ok$/m)
      expect((await filesBelow(server.folder)).filter((file) => file.includes('bastion_check_'))).toEqual([])
    })
  })
})

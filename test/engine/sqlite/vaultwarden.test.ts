import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Format } from '../../../src/core/artifact.ts'
import { vaultwardenSourceSchema } from '../../../src/core/source.ts'
import { normalUser } from '../../support/as-user.ts'
import { applicationFolder, backUpAndRestore } from '../../support/sqlite-case.ts'
import { problemsOf, startVaultwarden } from '../../support/vaultwarden-case.ts'

const formats: Format[] = ['archive_v1', 'raw_tree_v1']
const sourceOf = (folder: string, over: object = {}) =>
  vaultwardenSourceSchema.parse({ type: 'vaultwarden', data_dir: folder, snapshot_mode: 'off', error_policy: 'skip_ok', ...over })

describe.each(formats)('a Vaultwarden server under load, backed up as %s', (format) => {
  test('is restored whole: every item saved before, every attachment, no journals, and no icons', async () => {
    await using folder = await applicationFolder()
    await using server = await startVaultwarden(folder.path, normalUser)
    for (let round = 0; round < 2; round++) {
      const committed = await server.committed()
      await using restored = await backUpAndRestore(folder.path, { format, source: sourceOf(folder.path) })
      expect(problemsOf(restored.restored, committed)).toEqual([])
      expect(readdirSync(path.join(restored.restored, 'icon_cache'))).toEqual([])
      const { summary, source } = restored.run.outcome
      expect(summary.vaultwarden).toBe(source)
      expect(source.consistency).toMatchObject({ changed_total: 0 })
      expect(source.sqlite).toMatchObject({ captured_total: 1, left_out_total: 2, sample: [{ foreign_key_violations: 0 }] })
    }
  })
})

test('the icon cache is taken when it is wanted', async () => {
  await using folder = await applicationFolder()
  {
    await using server = await startVaultwarden(folder.path, normalUser)
    while ((await server.committed()) < 30);
  }
  await using restored = await backUpAndRestore(folder.path, { source: sourceOf(folder.path, { icon_cache: true }) })
  expect(readdirSync(path.join(restored.restored, 'icon_cache'))).not.toEqual([])
})

test('a data directory without its database, or with a damaged one, stores nothing', async () => {
  await using folder = await applicationFolder()
  {
    await using server = await startVaultwarden(folder.path, normalUser)
    await server.committed()
  }
  const database = path.join(folder.path, 'db.sqlite3')
  const backUp = () => backUpAndRestore(folder.path, { source: sourceOf(folder.path) })
  for (const name of ['-wal', '-shm']) if (existsSync(database + name)) rmSync(database + name)
  writeFileSync(database, Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8192 - 16, 7)]))
  await expect(backUp()).rejects.toMatchObject({ code: 'invalid_spec' })
  rmSync(database)
  await expect(backUp()).rejects.toMatchObject({ code: 'source_not_found' })
})

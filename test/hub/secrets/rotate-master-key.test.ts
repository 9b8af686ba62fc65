import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { rotateMasterKey } from '../../../src/hub/secrets/rotate-master-key.ts'
import { createSealedBox } from '../../../src/lib/sealed-box.ts'
import { fillVault, keyClock as clock, openAll, openVault } from '../../support/key-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** Everything in the database that is sealed, as it stands there. */
function sealedIn(directory: string): Record<string, string[]> {
  using database = new DatabaseSync(path.join(directory, 'bastion.db'), { readOnly: true })
  const tables = database.prepare("select name from sqlite_schema where type = 'table'").all() as { name: string }[]
  const columns = tables.flatMap(({ name: table }) =>
    (database.prepare(`pragma table_info(${table})`).all() as { name: string; type: string }[])
      .filter(({ type }) => type.toLowerCase() === 'blob')
      .map(({ name }) => ({ table, name })),
  )
  const values = columns.map(({ table, name }) => [
    `${table}.${name}`,
    (database.prepare(`select ${name} as value from ${table} order by rowid`).all() as { value: Uint8Array }[]).map(({ value }) =>
      Buffer.from(value).toString('hex'),
    ),
  ])
  return Object.fromEntries(values) as Record<string, string[]>
}

test('a rotation leaves nothing that the old key opens, and everything that was sealed', async () => {
  await using folder = await temporaryFolder()
  const directory = folder.path
  await fillVault(directory, ['attic', 'default'])
  const file = path.join(directory, 'master.key')
  const before = { key: readFileSync(file, 'utf8'), sealed: sealedIn(directory) }
  let identities: Record<string, string>
  {
    await using hub = await openVault(directory)
    identities = await openAll(hub)
    expect(await rotateMasterKey({ dataDirectory: directory, store: hub.store, clock })).toEqual({ secrets: 2, age_keys: 2 })
  }
  // Whoever seals something new in the database teaches the rotation about it.
  expect(Object.keys(before.sealed).toSorted()).toEqual(['age_keys.sealed', 'secrets.sealed'])
  const after = sealedIn(directory)
  for (const [column, values] of Object.entries(before.sealed)) {
    expect(values).toHaveLength(2)
    expect(after[column]).toHaveLength(2)
    expect(values.filter((value) => after[column]!.includes(value))).toEqual([])
  }
  expect(readFileSync(file, 'utf8')).not.toBe(before.key)
  expect(readdirSync(directory).filter((name) => name.startsWith('master.key'))).toEqual(['master.key'])
  {
    await using hub = await openVault(directory)
    expect(await openAll(hub)).toEqual(identities)
    expect(await hub.store.secrets.get('attic', 'dav')).toMatchObject({ created_at: 1, updated_at: 2 })
  }
  writeFileSync(file, before.key)
  await expect(openVault(directory)).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('something that the key does not open stops the rotation before it has changed anything', async () => {
  await using folder = await temporaryFolder()
  const directory = folder.path
  await fillVault(directory, ['default'])
  const key = readFileSync(path.join(directory, 'master.key'), 'utf8')
  await using hub = await openVault(directory)
  const foreign = createSealedBox(new Uint8Array(32)).seal(Buffer.from('x'), 'y')
  await hub.store.secrets.put({ node_id: 'zoo', name: 'broken', kind: 'webdav', sealed: foreign, created_at: 1, updated_at: 1 })
  const before = sealedIn(directory)
  await expect(rotateMasterKey({ dataDirectory: directory, store: hub.store, clock })).rejects.toMatchObject({
    code: 'invalid_spec',
    message: expect.stringContaining('the secret broken'),
  })
  expect(sealedIn(directory)).toEqual(before)
  expect(readFileSync(path.join(directory, 'master.key'), 'utf8')).toBe(key)
  await hub.store.secrets.remove('zoo', 'broken')
  expect(await rotateMasterKey({ dataDirectory: directory, store: hub.store, clock })).toEqual({ secrets: 2, age_keys: 1 })
  await using again = await openVault(directory)
  expect(Object.keys(await openAll(again))).toEqual(['default'])
})

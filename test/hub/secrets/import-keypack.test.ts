import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { gatherKeypack, noteKept } from '../../../src/hub/secrets/export-keypack.ts'
import { boxOf, importAgeKeys, importMasterKey } from '../../../src/hub/secrets/import-keypack.ts'
import type { Keypack } from '../../../src/hub/secrets/keypack.ts'
import { databaseName, openStore } from '../../../src/hub/store/store.ts'
import { fillVault, keyClock as clock, openAll, openVault } from '../../support/key-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** A Hub with sealed values and two age keys, its keypack, and room for other data directories. */
async function keypackCase() {
  const folder = await temporaryFolder()
  const place = async (name: string) => {
    const directory = path.join(folder.path, name)
    await mkdir(directory, { recursive: true })
    return directory
  }
  const home = await place('home')
  await fillVault(home, ['attic', 'default'])
  await using hub = await openVault(home)
  const keypack = await gatherKeypack({ dataDirectory: home, store: hub.store, clock })
  return { place, home, keypack, identities: await openAll(hub), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const keyOf = (directory: string) => readFileSync(path.join(directory, 'master.key'), 'utf8').trim()

/** As the command does, but with the clock of the test. */
async function importInto(directory: string, keypack: Keypack, replaces = false) {
  await using store = await openStore({ file: path.join(directory, databaseName), clock })
  const where = { dataDirectory: directory, store, clock }
  const masterKey = await importMasterKey(keypack, { ...where, replaces })
  return { masterKey, ageKeys: await importAgeKeys(keypack, { ...where, box: await boxOf(where) }) }
}

test('a keypack holds what opens everything, and only once it is kept are its keys said to be', async () => {
  await using keys = await keypackCase()
  const { home, keypack, identities } = keys
  expect(keypack.master_key).toBe(keyOf(home))
  expect(Object.fromEntries(keypack.age_keys.map(({ name, identity }) => [name, identity]))).toEqual(identities)
  await using hub = await openVault(home)
  expect((await hub.store.ageKeys.list()).map(({ exported_at }) => exported_at)).toEqual([null, null])
  await noteKept(keypack, { store: hub.store, clock })
  expect((await hub.store.ageKeys.list()).map(({ exported_at }) => exported_at)).toEqual([clock.now(), clock.now()])
})

test('a fresh data directory gets the master key and the identities, twice is once', async () => {
  await using keys = await keypackCase()
  const { place, keypack, identities } = keys
  const fresh = await place('fresh')
  const names = (result: string) => ['attic', 'default'].map((name) => ({ name, as: name, result }))
  expect(await importInto(fresh, keypack)).toMatchObject({ masterKey: { result: 'written' }, ageKeys: names('added') })
  expect(keyOf(fresh)).toBe(keypack.master_key)
  expect(await importInto(fresh, keypack)).toMatchObject({ masterKey: { result: 'kept' }, ageKeys: names('known') })
  await using hub = await openVault(fresh)
  const opened = await hub.vault.identitiesFor(keypack.age_keys.map(({ recipient }) => recipient))
  expect(opened.toSorted()).toEqual(Object.values(identities).toSorted())
  expect((await hub.store.ageKeys.list()).every(({ exported_at }) => exported_at !== null)).toBe(true)
})

test('a database whose key file was lost opens again', async () => {
  await using keys = await keypackCase()
  const { home, keypack, identities } = keys
  rmSync(path.join(home, 'master.key'))
  await expect(openVault(home)).rejects.toMatchObject({ code: 'invalid_spec', hint: expect.stringContaining('keypack import') })
  expect(await importInto(home, keypack)).toMatchObject({ masterKey: { result: 'written' } })
  await using hub = await openVault(home)
  expect(await openAll(hub)).toEqual(identities)
})

test('a key file that opens nothing is kept aside when it is told to, and never lost', async () => {
  await using keys = await keypackCase()
  const { place, home, keypack, identities } = keys
  const stray = `${Buffer.alloc(32, 1).toString('base64')}\n`
  for (const directory of [home, await place('stray')]) {
    for (const time of ['first', 'second']) {
      writeFileSync(path.join(directory, 'master.key'), stray.replace('AQ', time === 'first' ? 'AQ' : 'Ag'), { mode: 0o600 })
      const before = keyOf(directory)
      await expect(importInto(directory, keypack)).rejects.toMatchObject({ code: 'conflict', hint: expect.stringContaining('--replace') })
      expect(keyOf(directory)).toBe(before)
      const { masterKey } = await importInto(directory, keypack, true)
      expect(readFileSync(path.join(directory, masterKey.kept_aside!), 'utf8').trim()).toBe(before)
      expect(keyOf(directory)).toBe(keypack.master_key)
      if (directory !== home) rmSync(path.join(directory, databaseName))
    }
    expect(readdirSync(directory).filter((name) => name.startsWith('master.key.before-'))).toHaveLength(2)
  }
  await using hub = await openVault(home)
  expect(await openAll(hub)).toEqual(identities)
})

test('the key of a Hub that has sealed something is never replaced; the age keys go beside its own, each name for one key', async () => {
  await using keys = await keypackCase()
  const { place, keypack } = keys
  const living = await place('living')
  await fillVault(living, ['default'])
  const before = keyOf(living)
  for (const replaces of [false, true]) await expect(importInto(living, keypack, replaces)).rejects.toMatchObject({ code: 'conflict' })
  expect(keyOf(living)).toBe(before)
  expect(readdirSync(living).filter((name) => name.startsWith('master.key'))).toEqual(['master.key'])

  await using hub = await openVault(living)
  const own = (await openAll(hub))['default']
  const box = await boxOf({ dataDirectory: living, store: hub.store })
  const imported = await importAgeKeys(keypack, { box, store: hub.store, clock })
  expect(imported.map(({ name, as, result }) => [name, as, result])).toEqual([
    ['attic', 'attic', 'added'],
    ['default', 'default-2', 'added'],
  ])
  const [attic, other] = keypack.age_keys
  expect(await openAll(hub)).toEqual({ default: own, attic: attic!.identity, 'default-2': other!.identity })
  expect((await hub.store.ageKeys.get('default'))!.exported_at).toBeNull()
})

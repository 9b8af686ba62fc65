import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openMasterBox } from '../../../src/hub/secrets/master-key.ts'
import { createSecretsVault } from '../../../src/hub/secrets/secrets-vault.ts'
import { openStore } from '../../../src/hub/store/store.ts'
import { recipientOfIdentity } from '../../../src/lib/age-keys.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const secret = { kind: 'webdav', values: { password: 'from the vault' } } as const

async function open() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder()).path
  const clock = createFakeClock(1_000_000_000_000)
  const store = opened.use(await openStore({ file: path.join(folder, 'bastion.db'), clock }))
  const openBox = () => openMasterBox({ dataDirectory: folder, store, clock })
  const vault = createSecretsVault({ store, box: await openBox(), clock })
  const put = (node_id: string, name: string) =>
    store.secrets.put({ node_id, name, ...vault.seal(node_id, name, secret), created_at: clock.now(), updated_at: clock.now() })
  const kept = opened.move()
  return { folder, keyFile: path.join(folder, 'master.key'), store, vault, put, openBox, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

test('credentials come back for the node, the kind and the name they were sealed for, and for no other', async () => {
  await using hub = await open()
  await hub.put('hub', 'dav')
  expect(await hub.vault.credentialsFor('hub', { type: 'webdav', secret_name: 'dav' })).toEqual({ password: 'from the vault' })
  expect(await hub.vault.credentialsFor('hub', { type: 'local_dir' })).toEqual({})
  await expect(hub.vault.credentialsFor('hub', { type: 's3', secret_name: 'dav' })).rejects.toMatchObject({ code: 'invalid_spec' })
  await expect(hub.vault.credentialsFor('hub', { type: 'webdav', secret_name: 'other' })).rejects.toMatchObject({ code: 'not_found' })

  // Whoever can write the database gives one node the secret of another.
  const sealed = (await hub.store.secrets.get('hub', 'dav'))!
  await hub.store.secrets.put({ ...sealed, node_id: 'thief' })
  await hub.store.secrets.put({ ...sealed, name: 'renamed' })
  await expect(hub.vault.credentialsFor('thief', { type: 'webdav', secret_name: 'dav' })).rejects.toMatchObject({ code: 'invalid_spec' })
  await expect(hub.vault.credentialsFor('hub', { type: 'webdav', secret_name: 'renamed' })).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('a key is made when it is first named, once, however many name it at a time', async () => {
  await using hub = await open()
  const keys = await Promise.all(Array.from({ length: 5 }, () => hub.vault.makeKey('default')))
  const recipients = new Set(keys.map(({ recipient }) => recipient))
  expect(recipients.size).toBe(1)
  const [recipient] = recipients
  const [identity] = await hub.vault.identitiesFor([recipient!, 'age1other'])
  expect(recipientOfIdentity(identity!)).toBe(recipient)
  expect(await hub.vault.exportKey('default')).toMatchObject({ identity })
  await expect(hub.vault.exportKey('another')).rejects.toMatchObject({ code: 'not_found' })
})

test('nothing is encrypted to a key that only this Hub has', async () => {
  await using hub = await open()
  await expect(hub.vault.recipientFor('default')).rejects.toMatchObject({ code: 'encryption_key_not_kept' })
  const { recipient } = (await hub.store.ageKeys.get('default'))!
  await hub.store.ageKeys.noteExported('default', 1)
  expect(await hub.vault.recipientFor('default')).toBe(recipient)
})

test('neither the database nor its log has a secret or an identity in it', async () => {
  await using hub = await open()
  await hub.put('hub', 'dav')
  await hub.vault.makeKey('default')
  for (const name of ['bastion.db', 'bastion.db-wal']) {
    const bytes = (await readFile(path.join(hub.folder, name))).toString('latin1')
    expect(bytes).not.toContain('from the vault')
    expect(bytes).not.toContain('AGE-SECRET-KEY')
  }
})

test('the master key is its owner’s alone; one that is lost, exchanged or open to others is refused and not made anew', async () => {
  await using hub = await open()
  expect((await stat(hub.keyFile)).mode & 0o777).toBe(0o600)
  const key = await readFile(hub.keyFile)
  await hub.openBox()

  await chmod(hub.keyFile, 0o640)
  await expect(hub.openBox()).rejects.toMatchObject({ code: 'invalid_spec' })
  await chmod(hub.keyFile, 0o600)
  await writeFile(hub.keyFile, `${Buffer.alloc(32, 1).toString('base64')}\n`)
  await expect(hub.openBox()).rejects.toMatchObject({ code: 'invalid_spec' })
  await writeFile(hub.keyFile, 'short')
  await expect(hub.openBox()).rejects.toMatchObject({ code: 'invalid_spec' })
  await rm(hub.keyFile)
  await expect(hub.openBox()).rejects.toMatchObject({ code: 'invalid_spec' })
  await writeFile(hub.keyFile, key, { mode: 0o600 })
  await hub.openBox()
})

import { randomBytes } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { renameDurably, writeDurably } from '../../lib/durable-file.ts'
import { createSealedBox, type SealedBox, SealBrokenError, sealingKeyBytes } from '../../lib/sealed-box.ts'
import type { SettingStore } from '../store/setting-store.ts'

/** In the data directory, readable by its owner alone. */
export const masterKeyFile = 'master.key'
/** The key a rotation seals everything with. Once the database opens with it, it is the master key; until then `master.key` is. */
export const nextKeyFile = 'master.key.next'

/** Sealed at the first start, and anew by whatever seals the rest anew, in the same transaction: the key that opens it opens everything. */
const proof = { setting: 'master_key.proof', content: 'bastion', place: 'proof hub master_key' }

export interface MasterKeyPlace {
  dataDirectory: string
  store: { settings: Pick<SettingStore, 'get'> }
}

interface KeptSettings {
  settings: Pick<SettingStore, 'get' | 'put'>
}

/** The master key of a data directory, and the file it is in. */
export interface MasterKey {
  key: Uint8Array
  file: typeof masterKeyFile | typeof nextKeyFile
}

/**
 * The box of everything this Hub keeps secret. Its key is `master.key` in the data directory, made at the first start. A rotation that was cut after its last
 * transaction is finished. Only for who holds the data directory alone.
 * @throws invalid_spec when it is missing though something was sealed with it, is open to others, or is another one
 */
export async function openMasterBox(options: { dataDirectory: string; store: KeptSettings; clock: Clock }): Promise<SealedBox> {
  const { dataDirectory, store, clock } = options
  const found = await findMasterKey(options)
  if (found?.file === nextKeyFile) settleMasterKey(dataDirectory)
  const box = createSealedBox(found?.key ?? makeKey(path.join(dataDirectory, masterKeyFile)))
  if ((await readProof(store)) === null) await sealProof(store, box, clock)
  return box
}

/**
 * The key that opens what is sealed in the database; `null` when nothing was sealed yet and there is no key either. Changes nothing.
 * @throws invalid_spec when it is missing though something was sealed with it, is open to others, or is another one
 */
export async function findMasterKey({ dataDirectory, store }: MasterKeyPlace): Promise<MasterKey | null> {
  const file = path.join(dataDirectory, masterKeyFile)
  const key = readMasterKey(dataDirectory)
  const sealed = await readProof(store)
  if (sealed === null) return key === null ? null : { key, file: masterKeyFile }
  if (key !== null && opensProof(key, sealed)) return { key, file: masterKeyFile }
  const next = readKeyFile(path.join(dataDirectory, nextKeyFile))
  if (next !== null && opensProof(next, sealed)) return { key: next, file: nextKeyFile }
  // One that is lost must not be replaced in silence by one that opens nothing.
  if (key === null) throw new BastionError('invalid_spec', `${file} is missing, and this Hub has secrets that only it opens`, { hint: putBack })
  throw new BastionError('invalid_spec', `${file} is not the key of this Hub`, { hint: putBack })
}

/** What `master.key` holds; `null` when it is not there. @throws invalid_spec when it is open to others or holds no key */
function readMasterKey(dataDirectory: string): Uint8Array | null {
  return readKeyFile(path.join(dataDirectory, masterKeyFile))
}

/** Whether `key` opens what is sealed in the database; `null` when nothing is. */
export async function opensStore(key: Uint8Array, store: MasterKeyPlace['store']): Promise<boolean | null> {
  const sealed = await readProof(store)
  return sealed === null ? null : opensProof(key, sealed)
}

export async function sealProof(store: KeptSettings, box: SealedBox, clock: Clock): Promise<void> {
  const sealed = Buffer.from(box.seal(Buffer.from(proof.content), proof.place)).toString('base64')
  await store.settings.put(proof.setting, z.base64(), sealed, clock.now())
}

export function writeKeyFile(file: string, key: Uint8Array): void {
  writeDurably(file, `${Buffer.from(key).toString('base64')}\n`)
}

/** The next key takes the place of the master key, in one step. */
export function settleMasterKey(dataDirectory: string): void {
  renameDurably(path.join(dataDirectory, nextKeyFile), path.join(dataDirectory, masterKeyFile))
}

const putBack = 'Put the key file back, from a copy of the data directory or from a keypack ("bastion keypack import").'

function readProof(store: MasterKeyPlace['store']): Promise<string | null> {
  return store.settings.get(proof.setting, z.base64())
}

function opensProof(key: Uint8Array, sealed: string): boolean {
  try {
    createSealedBox(key).open(Buffer.from(sealed, 'base64'), proof.place)
    return true
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error
    return false
  }
}

function readKeyFile(file: string): Uint8Array | null {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return null
  if (!stat.isFile()) throw new BastionError('invalid_spec', `${file} is no file`, { hint: putBack })
  if ((stat.mode & 0o077) !== 0) throw new BastionError('invalid_spec', `${file} can be read by others`, { hint: `Run: chmod 600 ${file}` })
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  if (key.length !== sealingKeyBytes) throw new BastionError('invalid_spec', `${file} holds no master key`, { hint: putBack })
  return key
}

function makeKey(file: string): Uint8Array {
  const key = randomBytes(sealingKeyBytes)
  writeKeyFile(file, key)
  return key
}

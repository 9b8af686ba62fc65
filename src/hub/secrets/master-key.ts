import { randomBytes } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { writeDurably } from '../../lib/durable-file.ts'
import { createSealedBox, type SealedBox, SealBrokenError, sealingKeyBytes } from '../../lib/sealed-box.ts'
import type { Store } from '../store/store.ts'

export const masterKeyFile = 'master.key'

/** Sealed at the first start: whatever opens it opens the rest. */
const proof = { setting: 'master_key.proof', content: 'bastion', place: 'proof hub master_key' }

/**
 * The box of everything this Hub keeps secret. Its key is `master.key` in the data directory, made at the first start, readable by its owner alone.
 * @throws invalid_spec when it is missing though something was sealed with it, is open to others, or is another one
 */
export async function openMasterBox(options: { dataDirectory: string; store: Pick<Store, 'settings'>; clock: Clock }): Promise<SealedBox> {
  const { dataDirectory, store, clock } = options
  const file = path.join(dataDirectory, masterKeyFile)
  const sealedProof = await store.settings.get(proof.setting, z.base64())
  const key = readKey(file)
  if (key === null && sealedProof !== null) {
    // One that is lost must not be replaced in silence by one that opens nothing.
    throw new BastionError('invalid_spec', `${file} is missing, and this Hub has secrets that only it opens`, { hint: putBack })
  }
  const box = createSealedBox(key ?? makeKey(file))
  if (sealedProof === null) {
    const sealed = Buffer.from(box.seal(Buffer.from(proof.content), proof.place)).toString('base64')
    await store.settings.put(proof.setting, z.base64(), sealed, clock.now())
  } else checkProof(box, sealedProof, file)
  return box
}

const putBack = 'Put the key file back, from a copy of the data directory.'

function checkProof(box: SealedBox, sealed: string, file: string): void {
  try {
    box.open(Buffer.from(sealed, 'base64'), proof.place)
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error
    throw new BastionError('invalid_spec', `${file} is not the key of this Hub`, { cause: error, hint: putBack })
  }
}

function readKey(file: string): Uint8Array | null {
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
  writeDurably(file, `${key.toString('base64')}\n`)
  return key
}

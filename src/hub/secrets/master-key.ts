import { randomBytes } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { BastionError } from '../../core/errors.ts'
import { writeDurably } from '../../lib/durable-file.ts'
import { sealingKeyBytes } from '../../lib/sealed-box.ts'

export const masterKeyFile = 'master.key'

/**
 * The key every secret of this Hub is sealed with: `master.key` in its data directory, made at the first start, readable by its owner alone.
 * @param mayMake whether nothing is sealed yet: a key that is lost must not be replaced in silence by one that opens nothing
 * @throws invalid_spec when it is missing, open to others, or no key
 */
export function openMasterKey(dataDirectory: string, { mayMake }: { mayMake: boolean }): Uint8Array {
  const file = path.join(dataDirectory, masterKeyFile)
  const stat = lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) {
    if (!mayMake) {
      throw new BastionError('invalid_spec', `${file} is missing, and this Hub has secrets that only it opens`, {
        hint: 'Put the key file back, from a copy of the data directory.',
      })
    }
    return makeKey(file)
  }
  if (!stat.isFile()) throw new BastionError('invalid_spec', `${file} is no file`, { hint: 'The master key is a plain file of its own.' })
  if ((stat.mode & 0o077) !== 0) {
    throw new BastionError('invalid_spec', `${file} can be read by others`, { hint: `Run: chmod 600 ${file}` })
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  if (key.length !== sealingKeyBytes) {
    throw new BastionError('invalid_spec', `${file} holds no master key`, { hint: 'Put the key file back, from a copy of the data directory.' })
  }
  return key
}

function makeKey(file: string): Uint8Array {
  const key = randomBytes(sealingKeyBytes)
  writeDurably(file, `${key.toString('base64')}\n`)
  return key
}

import { BastionError } from '../core/errors.ts'
import type { Entry } from '../core/entry.ts'
import { type BytePath, fromPathText } from '../lib/byte-path.ts'

/** The place behind an entry of a listing. Implicit directories come where their content begins, so it says which of both it was. */
export function entryCursor(entry: Pick<Entry, 'path' | 'path_b64'> & { implicit?: true | undefined }): string {
  const bytes = Buffer.from(fromPathText(entry.path, entry.path_b64), 'latin1').toString('base64url')
  return `${entry.implicit === true ? 'i' : 'e'}${bytes}`
}

/** @throws BastionError invalid_spec */
export function readEntryCursor(cursor: string): { bytes: BytePath; implicit?: true } {
  if (!/^[ie][A-Za-z0-9_-]*$/.test(cursor)) throw new BastionError('invalid_spec', '"after" is not what a listing gave')
  const bytes = Buffer.from(cursor.slice(1), 'base64url').toString('latin1')
  return cursor.startsWith('i') ? { bytes, implicit: true } : { bytes }
}

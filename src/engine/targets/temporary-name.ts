import { randomBytes } from 'node:crypto'

/** What an object is called while it is written: `.<name>.<16 hex>.tmp`, in the directory it will stand in. */
const temporaryName = /^\..*\.[0-9a-f]{16}\.tmp$/s

/** Whether a file of this name is an object on its way in, or the rest of one whose writer died. Never an object. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name)
}

/** A name nobody else has, as near to `name` as the 255 bytes of a file name allow. */
export function newTemporaryName(name: string): string {
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(character) > 200) break
    kept += character
  }
  return `.${kept}.${randomBytes(8).toString('hex')}.tmp`
}

import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'

/** sun_path of unix(7) has 108 bytes, less elsewhere, with a zero at its end. */
const longestPathBytes = 100

/** A name for a Unix socket in `directory` that is short enough, however long the directory's own is; good until it is disposed of. */
export function socketPath(directory: string, name: string): Disposable & { readonly path: string } {
  const path = join(directory, name)
  if (process.platform !== 'linux' || Buffer.byteLength(path) <= longestPathBytes) return { path, [Symbol.dispose]() {} }
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  return { path: `/proc/self/fd/${fd}/${name}`, [Symbol.dispose]: () => closeSync(fd) }
}

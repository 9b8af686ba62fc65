import { constants } from 'node:fs'
import { access, open, type FileHandle } from 'node:fs/promises'
import { fsPath, toBytePath, type BytePath } from '../../../lib/byte-path.ts'

/**
 * A directory held open, whose entries are named through the open handle: nobody can exchange it for a link while work goes on below it.
 * What openat(2) does, with the calls Node has. Calls under way must have ended before it is closed.
 */
export interface DirectoryAnchor extends AsyncDisposable {
  readonly handle: FileHandle
  /** What `node:fs` takes for an entry of it, or for `.`. */
  entry(name: BytePath): string | Buffer
  /** A directory in it. @throws ENOTDIR (ELOOP on some systems) when it is none, or a symbolic link */
  step(name: BytePath): Promise<DirectoryAnchor>
}

/** @param root may be a symbolic link */
export async function anchorDirectory(root: string): Promise<DirectoryAnchor> {
  // Where /proc is, an open directory has a name that stays with it, such as /proc/self/fd/7; elsewhere its path has to do.
  const namedByHandle = await access('/proc/self/fd').then(
    () => true,
    () => false,
  )
  return await anchor(toBytePath(root), 0)

  async function anchor(path: BytePath, extraFlags: number): Promise<DirectoryAnchor> {
    const handle = await open(fsPath(path), constants.O_RDONLY | constants.O_DIRECTORY | extraFlags)
    const base = namedByHandle ? `/proc/self/fd/${handle.fd}` : path
    return {
      handle,
      entry: (name) => fsPath(`${base}/${name}`),
      step: (name) => anchor(`${base}/${name}`, constants.O_NOFOLLOW),
      [Symbol.asyncDispose]: () => handle.close(),
    }
  }
}

import { realpathSync } from 'node:fs'
import { lstat, opendir, realpath, stat } from 'node:fs/promises'
import { BastionError } from '../core/errors.ts'
import { type BytePath, fsPath, pathText, toBytePath } from '../lib/byte-path.ts'
import type { ListedFile, NodeReply } from '../protocol/node-replies.ts'

export interface DirectoryRequest {
  /** absolute; "" lists the roots themselves */
  path: string
  after?: string | undefined
  limit: number
}

/**
 * A page of the names in a directory, in byte order. Links are followed to it, and it must lie below a root when they are.
 * @param roots absolute paths
 * @throws BastionError source_not_found · not_allowed · invalid_spec
 */
export async function listDirectory(request: DirectoryRequest, roots: readonly string[]): Promise<NodeReply<'fs.list'>> {
  if (request.path === '') return listRoots(roots)
  if (!request.path.startsWith('/') || request.path.includes('\0'))
    throw new BastionError('invalid_spec', 'a directory is named by its absolute path')
  const directory = await realPathOf(toBytePath(request.path))
  if (!roots.some((root) => isWithin(directory, root)))
    throw new BastionError('not_allowed', `${request.path} is not below a directory this node lets be browsed (${roots.join(', ')})`, {
      hint: 'The node is started with the directories that may be browsed.',
    })
  const names = await namesAfter(directory, request)
  const page = names.slice(0, request.limit)
  const below = directory === '/' ? '' : directory
  const entries = await Promise.all(page.map((name) => describe(`${below}/${name}`, name)))
  return {
    path: pathText(directory).text,
    entries: entries.filter((entry) => entry !== null),
    next: names.length > page.length ? page.at(-1)! : null,
  }
}

async function listRoots(roots: readonly string[]): Promise<NodeReply<'fs.list'>> {
  const entries = await Promise.all(roots.map((root) => describe(toBytePath(root), toBytePath(root))))
  return { path: '', entries: entries.filter((entry) => entry !== null), next: null }
}

/** The `limit` first names behind `after`, and one more where there is one; memory for a few pages, however many names there are. */
async function namesAfter(directory: BytePath, { after = '', limit }: DirectoryRequest): Promise<BytePath[]> {
  const wanted = limit + 1
  let names: BytePath[] = []
  const cut = () => (names = names.toSorted().slice(0, wanted))
  try {
    for await (const { name } of await opendir(fsPath(directory), { encoding: 'latin1' as BufferEncoding, bufferSize: 512 })) {
      if (name <= after) continue
      names.push(name)
      if (names.length >= 4 * wanted) cut()
    }
  } catch (error) {
    throw unreadable(directory, error)
  }
  return cut()
}

/** `null` when it is gone. */
async function describe(path: BytePath, name: BytePath): Promise<ListedFile | null> {
  const { text, b64 } = pathText(name)
  const named = { name: text, ...(b64 === undefined ? {} : { name_b64: b64 }) }
  const stats = await lstat(fsPath(path)).catch(() => null)
  if (stats === null) return null
  const at = { modified_at: Math.round(stats.mtimeMs) }
  if (stats.isDirectory()) return { ...named, kind: 'dir', ...at }
  if (stats.isFile()) return { ...named, kind: 'file', size_bytes: stats.size, ...at }
  if (!stats.isSymbolicLink()) return { ...named, kind: 'other', ...at }
  const there = await stat(fsPath(path)).catch(() => null)
  if (there === null) return { ...named, kind: 'symlink', ...at }
  return { ...named, kind: 'symlink', leads_to: there.isDirectory() ? 'dir' : there.isFile() ? 'file' : 'other', ...at }
}

async function realPathOf(path: BytePath): Promise<BytePath> {
  try {
    return await realpath(fsPath(path), { encoding: 'latin1' })
  } catch (error) {
    throw unreadable(path, error)
  }
}

function isWithin(directory: BytePath, root: string): boolean {
  let allowed: BytePath
  try {
    allowed = realpathSync.native(root, { encoding: 'latin1' })
  } catch {
    return false
  }
  return directory === allowed || directory.startsWith(allowed === '/' ? '/' : `${allowed}/`)
}

function unreadable(path: BytePath, error: unknown): BastionError {
  const { code } = error as NodeJS.ErrnoException
  const { text } = pathText(path)
  if (code === 'ENOENT' || code === 'ENOTDIR') return new BastionError('source_not_found', `${text} is no directory of this node`, { cause: error })
  return new BastionError('not_allowed', `${text} cannot be read by this node (${code ?? 'unknown'})`, {
    cause: error,
    hint: 'The user Bastion runs as needs the right to read it.',
  })
}

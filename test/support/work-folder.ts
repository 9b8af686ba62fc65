import { spawnSync } from 'node:child_process'
import { chmod, chown, mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * A new folder for trees that are hard to remove: deeper than a path can be long, without the right to list them. Every user may pass through it.
 * @param options.owner whose it is, when the tests run as root
 */
export async function workFolder(options: { owner?: { uid: number; gid: number } } = {}): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastion-work-'))
  await chmod(folder, 0o755)
  // The folder of the whole run is its owner's alone until somebody else works in it.
  const parent = await stat(tmpdir())
  if (options.owner !== undefined && (parent.mode & 0o1) === 0) await chmod(tmpdir(), parent.mode | 0o11)
  if (options.owner !== undefined) await chown(folder, options.owner.uid, options.owner.gid)
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      // Both walk by directory handles, as Node's own do not.
      if (process.getuid?.() !== 0) spawnSync('chmod', ['-R', 'u+rwx', folder])
      const { status, stderr } = spawnSync('rm', ['-rf', '--one-file-system', folder], { encoding: 'utf8' })
      if (status !== 0) throw new Error(`rm -rf ${folder}: ${stderr}`)
    },
  }
}

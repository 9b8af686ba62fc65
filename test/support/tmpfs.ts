import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const maxTries = 50
const retryMs = 100

/** Why there can be no tmpfs here, as the reason of a skipped test; absent when there can. */
export async function whyNoTmpfs(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'mounting a tmpfs needs root'
  return await exec('unshare', ['--mount', 'true']).then(
    () => undefined,
    () => 'this machine lets nobody mount anything',
  )
}

/** Makes `folder` a filesystem of its own, in memory and no larger than `sizeBytes`. Unmounted when it is disposed of. */
export async function mountTmpfs(folder: string, sizeBytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  await mkdir(folder, { recursive: true })
  await exec('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=700`, 'bastion-test', folder])
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      for (let tries = 1; ; tries++) {
        const failure = await exec('umount', [folder]).then(
          () => null,
          (error: Error) => error,
        )
        if (failure === null) return
        // A server that was told to let go may still be about it.
        if (tries === maxTries) throw failure
        await delay(retryMs)
      }
    },
  }
}

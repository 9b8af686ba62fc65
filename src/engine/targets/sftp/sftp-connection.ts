import { BastionError } from '../../../core/errors.ts'
import { orCanceled } from '../cancellation.ts'
import { openSftpSession, type SftpSession, type SftpSessionOptions } from './sftp-session.ts'

/** One session that all share, opened when it is first needed, and anew after it broke. */
export interface SftpConnection {
  /** @throws what opening a session throws, or the cancellation */
  session(signal?: AbortSignal): Promise<SftpSession>
  /** A file of ours that nobody needs is removed as soon as there is a session again, if there ever is. */
  removeLater(path: string): void
  close(): Promise<void>
}

/** More are left to the removal of the folder they are in. */
const orphansLimit = 1_000

export function createSftpConnection(options: Omit<SftpSessionOptions, 'signal'>): SftpConnection {
  const closing = new AbortController()
  const orphans: string[] = []
  let opening: Promise<SftpSession> | undefined
  let current: SftpSession | undefined

  async function open(): Promise<SftpSession> {
    const session = await openSftpSession({ ...options, signal: closing.signal })
    current = session
    for (const path of orphans.splice(0)) {
      session.remove(path).catch(() => {
        if (!session.isOpen) removeLater(path)
      })
    }
    return session
  }

  function removeLater(path: string): void {
    if (orphans.length < orphansLimit) orphans.push(path)
  }

  return {
    async session(signal) {
      if (closing.signal.aborted) throw new BastionError('target_unreachable', `${options.label} was closed.`)
      if (current?.isOpen === true) return current
      opening ??= open().finally(() => (opening = undefined))
      return await orCanceled(opening, signal)
    },
    removeLater,
    async close() {
      await current?.[Symbol.asyncDispose]()
      closing.abort()
      await opening?.catch(() => {})
    },
  }
}

import { BastionError } from '../../../core/errors.ts'
import { newTemporaryName } from '../temporary-name.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'

/** A name that others keep taking is given up after so many tries. */
const maxTries = 20

/** Gives a written file its name, in place of what has it. */
export async function publishReplacing(session: SftpSession, temporaryPath: string, path: string): Promise<void> {
  try {
    await session.posixRename(temporaryPath, path)
  } catch (error) {
    if (!hasStatus(error, sftpStatus.unsupported)) throw error
    await swap(session, temporaryPath, path)
  }
}

/**
 * Where the server can only give a name that is free: the old object is put aside, under a temporary name, and removed once the new one has its place.
 * Between the two requests readers find none; a put that fails between them puts the old one back.
 */
async function swap(session: SftpSession, temporaryPath: string, path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await session.rename(temporaryPath, path)
    } catch (error) {
      if (!(error instanceof SftpStatusError) || attempt === maxTries) throw error
    }
    const nameAt = path.lastIndexOf('/') + 1
    const aside = path.slice(0, nameAt) + newTemporaryName(path.slice(nameAt))
    try {
      await session.rename(path, aside)
    } catch (error) {
      // Gone meanwhile, so that the name is free.
      if (hasStatus(error, sftpStatus.noSuchFile)) continue
      throw error
    }
    try {
      await session.rename(temporaryPath, path)
    } catch (error) {
      // Fails where somebody else has taken the name, and then the object put aside is the older one. Otherwise it stays: it may be all there is.
      await session.rename(aside, path).catch(async () => {
        if ((await session.lstat(path)) !== undefined) await session.remove(aside)
      })
      if (error instanceof SftpStatusError && attempt < maxTries) continue
      throw error
    }
    return await session.remove(aside)
  }
}

/**
 * Gives a written file its name unless something has it. A hard link is made or not, and of two makers the server's filesystem lets one; without them
 * there is the rename of the protocol, which replaces nothing either.
 * @param label how messages name the object
 * @throws target_rejected, details `{exists: true}`
 */
export async function publishIfAbsent(session: SftpSession, temporaryPath: string, path: string, label: string): Promise<void> {
  try {
    await session.hardlink(temporaryPath, path)
  } catch (error) {
    await refuseExisting(session, path, label, error)
    // No hard links on this server, or on its filesystem.
    try {
      return await session.rename(temporaryPath, path)
    } catch (renameError) {
      await refuseExisting(session, path, label, renameError)
      throw renameError
    }
  }
  await session.remove(temporaryPath)
}

async function refuseExisting(session: SftpSession, path: string, label: string, error: unknown): Promise<void> {
  if (!(error instanceof SftpStatusError)) throw error
  if ((await session.lstat(path)) === undefined) return
  throw new BastionError('target_rejected', `There is an object ${label} already.`, { cause: error, details: { exists: true } })
}

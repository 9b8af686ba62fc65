import { BastionError } from '../../core/errors.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import type { ExtractOutcome } from './extract-protocol.ts'

/** What ends the whole restore: going on would fail for every other entry too. */
const fatal = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'])

/**
 * Tells a failure of one entry as its outcome.
 * @throws what concerns the restore as a whole: a conflict under the policy `fail`, a full disk, a bug
 */
export function failureOutcome(to: BytePath, error: unknown): ExtractOutcome {
  const text = pathText(to).text
  if (error instanceof BastionError) {
    if (error.code === 'artifact_damaged') return { kind: 'damaged', message: error.message }
    throw error
  }
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined) throw error
  if (code === 'ENOTDIR' || code === 'ELOOP') return { kind: 'conflict', message: `${text}: something that is no directory stands on the way` }
  if (fatal.has(code)) {
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    throw new BastionError('restore_failed', `the destination ${isFull ? 'is full' : 'cannot be written'}: ${code} at ${text}`, {
      cause: error,
      hint: 'What has its own name there is whole. Restore again with the conflict policy "skip" to have the rest.',
    })
  }
  return { kind: 'failed', message: `${text}: ${message.split(',')[0] ?? code}` }
}

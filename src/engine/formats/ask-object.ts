import { BastionError, hasCode } from '../../core/errors.ts'

/**
 * What a target says of an object that belongs to an artifact.
 * @throws artifact_damaged where there is none (details `missing`), or a link, which no target follows · the target's errors
 */
export async function askObject<T>(key: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    if (hasCode(error, 'target_not_found'))
      throw new BastionError('artifact_damaged', `${key} is missing`, { cause: error, details: { object: key, missing: true } })
    // Somebody put it there: the next one who lists, verifies or restores shall hear of this artifact, and go on with the others.
    if (hasCode(error, 'target_rejected') && error.details['link'] === true)
      throw new BastionError('artifact_damaged', `${key} is reached through a link`, { cause: error, details: { object: key } })
    throw error
  }
}

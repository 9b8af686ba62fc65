import { BastionError } from '../../../core/errors.ts'
import type { S3Put } from './one-put.ts'
import { statusOf } from './s3-error.ts'
import type { PutCondition } from './whole-put.ts'

/**
 * Sends what makes an object, for `ifAbsent` only where none is: by looking first, which every server can answer, and by `If-None-Match`, which
 * decides between two writers where the server knows it. Some ignore it, some answer 501: there the race is left.
 * @throws target_rejected with `details.exists`, unless the object there is this put's own, whose answer was lost
 */
export async function onCondition(put: S3Put, send: (condition: PutCondition) => Promise<unknown>): Promise<void> {
  const { place } = put
  if (!put.ifAbsent) {
    await send({})
    return
  }
  if (await isThere(put)) return
  if (place.conditions) {
    try {
      await send({ IfNoneMatch: '*' })
      return
    } catch (error) {
      const status = statusOf(error)
      if (status === 412 && (await isThere(put))) return
      if (status !== 501) throw error
      place.conditions = false
    }
  }
  await send({})
}

/** Whether this put's object is there already; false where none is. @throws target_rejected where another is */
async function isThere({ place, name, object, marker, ending }: S3Put): Promise<boolean> {
  const found = await place.lookAt(name, { doing: `Cannot store ${object}`, signal: ending.signal })
  if (found === null || found.marker === marker) return found !== null
  throw new BastionError('target_rejected', `There is an object ${object} already.`, { details: { exists: true } })
}

import { isOverdue } from '../../core/retention-brakes.ts'
import { brakeReleases, brakeText } from '../../core/retention-text.ts'
import type { ShownBrake } from '../../protocol/http/retention-routes.ts'
import type { KeptBrake } from '../store/brake-store.ts'

/** A brake as a person is told of it. */
export function shownBrake({ scope, since, cause }: KeptBrake, now: number): ShownBrake {
  const { kind } = cause
  return {
    kind,
    job_id: kind === 'failing' || kind === 'suspicious' ? scope : null,
    target_id: kind === 'deletes' ? scope : null,
    since,
    overdue: isOverdue({ since }, now),
    message: brakeText(cause),
    release: brakeReleases[kind],
    cause,
  }
}

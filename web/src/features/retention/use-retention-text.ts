import type { BrakeCause } from '../../../../src/core/retention-brakes.ts'
import type { DeleteReason, KeepReason } from '../../../../src/core/retention-decision.ts'
import type { Suspicion } from '../../../../src/core/suspicion.ts'
import { useFormat } from '../../app/format.ts'
import { useTexts } from '../../app/texts.ts'

/** What retention decides and why, in the language of the page. */
export function useRetentionText() {
  const { t } = useTexts()
  const { bytes, count, dateTime } = useFormat()

  function keepReason({ rule, rank = 0, slot = '' }: KeepReason): string {
    return rule === 'keep_last' && rank === 1 ? t('retention.keptFor.last') : t(`retention.keptFor.${rule}`, { rank, slot })
  }

  function deleteReason({ rule, slot = '', kept_instead: other }: DeleteReason): string {
    if (other === undefined || rule === 'given_up' || rule === 'keep_last' || rule === 'keep_days') return t(`retention.goesFor.${rule}`, { slot })
    return t(`retention.insteadFor.${rule}`, { slot })
  }

  function suspicion(found: Suspicion): string {
    switch (found.kind) {
      case 'files_fell':
        return t('retention.suspicion.files_fell', { found: count(found.found), median: count(found.median) })
      case 'bytes_fell':
        return t('retention.suspicion.bytes_fell', { found: bytes(found.found), median: bytes(found.median) })
      case 'mount_vanished':
        return t('retention.suspicion.mount_vanished', { path: found.path })
    }
  }

  /** Why a brake is on, as sentences. */
  function brake(cause: BrakeCause): string[] {
    switch (cause.kind) {
      case 'failing':
        return [t('retention.brakes.cause.failing', { count: cause.run_ids.length })]
      case 'suspicious':
        return [
          cause.total === 1 ? t('retention.brakes.cause.suspicious') : t('retention.brakes.cause.suspiciousMore', { count: cause.total - 1 }),
          ...cause.suspicions.map(suspicion),
        ]
      case 'clock':
        return [t('retention.brakes.cause.clock', { from: dateTime(cause.from), to: dateTime(cause.to) })]
      case 'deletes':
        return [t('retention.brakes.cause.deletes', { count: cause.total }), ...(cause.error === null ? [] : [cause.error])]
    }
  }

  return { keepReason, deleteReason, suspicion, brake }
}

import { computed } from 'vue'
import type { JobTargetKind } from '../../../../src/protocol/job-spec.ts'
import { useTexts } from '../../app/texts.ts'
import { targetsEn } from './locales/en.ts'

const kinds = Object.keys(targetsEn.kind) as JobTargetKind[]

/** Kinds of targets, by the names that people know. */
export function useTargetKinds() {
  const { t } = useTexts()
  const titleOf = (kind: JobTargetKind) => t(`targets.kind.${kind}`)
  return { titleOf, kindOptions: computed(() => kinds.map((value) => ({ value, label: titleOf(value) }))) }
}

import type { CheckedCase, TargetCheck } from './check-target.ts'
import type { TargetFeatures } from './target.ts'

/** A check as it crosses to who asked: `bastion target check --json`, the reply to `target.check`. */
export function checkReport(label: string, { ok, cases, advice }: TargetCheck) {
  return {
    target: label,
    ok,
    cases: cases.map((each: CheckedCase) => (each.status === 'not_claimed' ? { ...each, needs: each.needs.map(capabilityName) } : each)),
    advice: advice.map(({ feature, meaning }) => ({ feature: capabilityName(feature), meaning })),
  }
}

/** `atomic_put`, as descriptions and documents call it. */
export function capabilityName(feature: keyof TargetFeatures): string {
  return feature.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

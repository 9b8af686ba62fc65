import type { TargetFeatures } from './target.ts'

/** Where the objects are and which names they may have is told of a target, and is nothing to lack. */
export type MissingFeature = Exclude<keyof TargetFeatures, 'localRoot' | 'names'>

/** What it means for backups that a target lacks something, and what to do. */
const meanings: Readonly<Record<MissingFeature, string>> = {
  atomicPut:
    'An object may be seen before it is whole. Artifacts are safe all the same: one counts only with its complete marker, which is written when everything else is stored.',
  durablePut:
    'Whether what was stored survives a power cut is up to the place. Give its server an uninterruptible supply, and verify an artifact after an outage.',
  rangeReads: 'A part of an object cannot be read alone, so one file costs the fetch of much more. Make parts small: backup --part-size.',
  streamingPut: 'An object is kept in memory while it is stored. Make parts small: backup --part-size.',
  holdsPieces: 'A part is kept in memory until it is stored, so that it can be sent again: parts have at most 64 MiB here (backup --part-size).',
  realTree:
    'A browsable backup (raw_tree_v1) shows the contents of files there. Links, owners and modes are in its index only, from which a restore makes them.',
  conditionalPut:
    'Two machines that use the target for the very first time at the same moment may not notice each other. Let the first backup end before another begins.',
}

export interface FeatureAdvice {
  feature: MissingFeature
  meaning: string
}

/** In the order of what matters most. */
export function adviceFor(features: TargetFeatures): FeatureAdvice[] {
  return (Object.keys(meanings) as MissingFeature[])
    .filter((feature) => features[feature] === undefined)
    .map((feature) => ({ feature, meaning: meanings[feature] }))
}

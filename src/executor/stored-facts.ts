import type { CoverageItem } from '../core/coverage.ts'
import type { Manifest } from '../core/manifest.ts'
import type { StoredArtifact } from '../core/run.ts'

/** A complete artifact as its node tells a Hub of it. @param coverage empty where nobody can read it */
export function storedFacts({
  targetId,
  manifest,
  manifestHash,
  completedAt,
  coverage,
}: {
  targetId: string
  manifest: Manifest
  manifestHash: string
  completedAt: number
  coverage: readonly CoverageItem[]
}): StoredArtifact {
  const { payload_tar_bytes: tarBytes, hole_bytes: holeBytes, ...totals } = manifest.totals
  return {
    target_id: targetId,
    manifest_hash: manifestHash,
    format: manifest.pipeline.format,
    encrypted: manifest.pipeline.encryption !== 'none',
    grade: manifest.consistency.grade,
    completed_at: completedAt,
    totals: {
      ...totals,
      ...(holeBytes === undefined ? {} : { hole_bytes: holeBytes }),
      ...(tarBytes === undefined ? {} : { payload_tar_bytes: tarBytes }),
    },
    holes: coverage.filter(({ read }) => read === 'hole').length,
  }
}

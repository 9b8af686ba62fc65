import { proveAgainst } from '../support/bench-proof.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'

export const title = 'A backup with hashes, an index and single files within reach is as fast as tar piped into zstd'

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  await proveAgainst([['tar', ['c']]], report, scale)
}

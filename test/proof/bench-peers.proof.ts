import { peerNames } from '../../bench/pairings.ts'
import { proveAgainst } from '../support/bench-proof.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'

export const title =
  'Encrypted too, and both ways, as fast as tar, zstd and age; faster than the programs with as much to offer; a browsable tree faster than by those that copy'

/** Every program once in short, but for borg without encryption, which is borg all the same, and tar with age on its largest files. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const others = peerNames.filter((peer) => peer !== 'tar')
  await proveAgainst(
    others.map((peer) => [peer, peer === 'borg' ? [] : peer === 'tar-age' ? ['b'] : ['a', 'd']]),
    report,
    scale,
  )
}

import { peerNames } from '../../bench/pairings.ts'
import { proveAgainst } from '../support/bench-proof.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'

export const title = 'A first backup is faster than by the programs with as much to offer, and a browsable tree faster than by those that copy'

/** Every program once in short, but for borg without encryption, which is borg all the same. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const others = peerNames.filter((peer) => peer !== 'tar' && peer !== 'tar-age')
  await proveAgainst(
    others.map((peer) => [peer, peer === 'borg' ? [] : ['a', 'd']]),
    report,
    scale,
  )
}

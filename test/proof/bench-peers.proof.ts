import { peerNames } from '../../bench/pairings.ts'
import { proveAgainst } from '../support/bench-proof.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { copies } from './bench-trees.proof.ts'

export const title = 'A first backup, and encrypted the way back too, against tar with age, restic and borg'

/** Each once in short, but for borg without encryption, which is borg all the same. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const archivers = peerNames.filter((peer) => peer !== 'tar' && !copies(peer))
  await proveAgainst(
    archivers.map((peer) => [peer, peer === 'borg' ? [] : peer === 'tar-age' ? ['b'] : ['a']]),
    report,
    scale,
  )
}

import { peerNames } from '../../bench/pairings.ts'
import { proveAgainst } from '../support/bench-proof.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'

export const title = 'A browsable tree, with hashes and an index, is faster than a copy by cp, rsync or rclone'

/** @returns whether a program copies files as they are */
export function copies(peer: string): boolean {
  return peer === 'cp' || peer === 'rsync' || peer.startsWith('rclone-')
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  await proveAgainst(
    peerNames.filter(copies).map((peer) => [peer, ['a', 'd']]),
    report,
    scale,
  )
}

import type { PathRules } from '../../core/path-rules.ts'
import { type BytePath, parentPath, pathText, toBytePath } from '../../lib/byte-path.ts'
import { type SnapshotDescription, snapshotDescriptions } from '../../protocol/snapshot-descriptions.ts'
import { realPathOf } from './choose-unit.ts'
import { findTurns } from './find-turns.ts'
import type { SnapshotServices } from './snapshot-services.ts'
import { isRefusal } from './snapshot-provider.ts'

/** How one mount, subvolume or dataset of a source would be read. */
export type ProbedPlace = { path: string } & (
  | { read: 'snapshot'; provider: string; unit: string; root: string; snapshots_in: string; not_yet_run_on_a_real_system?: true }
  | { read: 'live'; reason: string; hint?: string }
  | { read: 'excluded' }
)

/**
 * What a backup of these paths would freeze, and what is missing to freeze the rest. Changes nothing.
 * @param workDirectory where runs have their directories; need not be there yet
 */
export async function probeSource(
  services: SnapshotServices,
  options: { roots: readonly BytePath[]; rules: PathRules | null; oneFileSystem: boolean; provider?: string | undefined; workDirectory: string },
): Promise<ProbedPlace[]> {
  const { host, providers, policy } = services
  const turns = await findTurns(
    { host, providers, policy, override: options.provider, workDirectory: nearestThere(toBytePath(options.workDirectory)) },
    { ...options, own: [] },
  )
  return turns.map(({ logical, place }): ProbedPlace => {
    const { text: path } = pathText(logical)
    if (place === null) return { path, read: 'excluded' }
    if (isRefusal(place)) return { path, read: 'live', reason: place.reason, ...(place.hint === undefined ? {} : { hint: place.hint }) }
    const { provider, label, root, holder } = place.unit
    const unproven = isProven(provider) ? {} : { not_yet_run_on_a_real_system: true as const }
    return { path, read: 'snapshot', provider, unit: label, root: pathText(root).text, snapshots_in: pathText(holder).text, ...unproven }
  })
}

function isProven(provider: string): boolean {
  const descriptions: Readonly<Record<string, SnapshotDescription>> = snapshotDescriptions
  return descriptions[provider]?.provenOnRealSystem === true
}

function nearestThere(path: BytePath): BytePath {
  for (let at = path; ; at = parentPath(at)) {
    const real = realPathOf(at)
    if (real !== null || at === '/') return real ?? '/'
  }
}

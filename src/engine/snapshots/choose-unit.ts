import { realpathSync } from 'node:fs'
import { type BytePath, fsPath, pathText, toBytePath } from '../../lib/byte-path.ts'
import { mountOf } from '../../lib/mount-table.ts'
import { snapshotDescriptions, type SnapshotProviderKind, snapshotProviderKinds } from '../../protocol/snapshot-descriptions.ts'
import type { SnapshotProviders } from './registry.ts'
import { isRefusal, type Refusal, type SnapshotHost, type UnitPlace } from './snapshot-provider.ts'

/** What a node allows. It is the node's own configuration: nobody who asks for a run can widen it. */
export interface SnapshotPolicy {
  /** Directories of which, and below which, snapshots may be made; none: nowhere. */
  roots: readonly string[]
  /** Providers that may be used; absent: all. */
  enabled?: readonly string[]
}

export interface UnitChoice {
  host: SnapshotHost
  providers: SnapshotProviders
  policy: SnapshotPolicy
  /** the provider that was asked for by name */
  override?: string | undefined
  workDirectory: BytePath
}

/**
 * The unit a path lies in, by the provider that can freeze it. Changes nothing.
 * @param real absolute, without links
 */
export async function chooseUnit(real: BytePath, choice: UnitChoice): Promise<UnitPlace | Refusal> {
  const kinds = candidatesFor(real, choice)
  if (isRefusal(kinds)) return kinds
  let refusal: Refusal | undefined
  for (const kind of kinds) {
    const place = await choice.providers.byName(kind)!.locate(real, choice.workDirectory)
    if (!isRefusal(place)) return outsideRoots(real, choice.policy) ?? place
    refusal ??= { ...place, reason: `${kind}: ${place.reason}` }
  }
  return refusal!
}

function candidatesFor(real: BytePath, { host, override, policy }: UnitChoice): SnapshotProviderKind[] | Refusal {
  if (override !== undefined && !snapshotProviderKinds.some((kind) => kind === override)) {
    return { reason: `there is no snapshot provider ${override}`, hint: `There are ${snapshotProviderKinds.join(', ')}.` }
  }
  const isEnabled = (kind: string) => policy.enabled === undefined || policy.enabled.includes(kind)
  if (override !== undefined && !isEnabled(override)) {
    return notEnabled(override, policy)
  }
  const fsType = mountOf(host.readMounts(), real)?.fsType ?? 'an unknown filesystem'
  const fitting = snapshotProviderKinds.filter((kind) => kind === override || (override === undefined && fits(kind, fsType, host.platform)))
  const kinds = fitting.filter(isEnabled)
  if (kinds.length > 0) return kinds
  if (fitting.length > 0) return notEnabled(fitting.join(', '), policy)
  return {
    reason: `${pathText(real).text} is on ${fsType}, which no snapshot provider can freeze`,
    hint: 'Leave it out with --exclude or --one-file-system, or keep it on Btrfs, ZFS or LVM.',
  }
}

function notEnabled(kinds: string, { enabled = [] }: SnapshotPolicy): Refusal {
  return {
    reason: `the snapshot provider ${kinds} is not enabled on this node`,
    hint: `Enabled are: ${enabled.join(', ') || 'none'}. BASTION_SNAPSHOT_PROVIDERS says which.`,
  }
}

function fits(kind: SnapshotProviderKind, fsType: string, platform: NodeJS.Platform): boolean {
  const description: { platform: string; filesystems?: readonly string[]; onRequest?: true } = snapshotDescriptions[kind]
  return description.platform === platform && description.onRequest !== true && description.filesystems?.includes(fsType) !== false
}

function outsideRoots(real: BytePath, { roots }: SnapshotPolicy): Refusal | null {
  if (roots.length === 0) {
    return { reason: 'this node allows source snapshots nowhere', hint: `Allow them: --snapshot-root ${pathText(real).text}` }
  }
  const isAllowed = roots.some((root) => {
    const allowed = realPathOf(toBytePath(root))
    return allowed !== null && (real === allowed || real.startsWith(allowed === '/' ? '/' : `${allowed}/`))
  })
  if (isAllowed) return null
  return {
    reason: `${pathText(real).text} is not below a directory that this node allows source snapshots of (${roots.join(', ')})`,
    hint: `Allow it too: --snapshot-root ${pathText(real).text}`,
  }
}

/** Without links; `null` when it is not there. */
export function realPathOf(path: BytePath): BytePath | null {
  try {
    return realpathSync.native(fsPath(path), { encoding: 'latin1' })
  } catch {
    return null
  }
}

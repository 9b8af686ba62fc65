import { lstatSync, mkdirSync, rmdirSync } from 'node:fs'
import type { SnapshotRecord } from '../../core/snapshot-lease.ts'
import { type BytePath, fromPathText, fsPath, parentPath, pathText, toBytePath } from '../../lib/byte-path.ts'
import type { Mount } from '../../lib/mount-table.ts'
import { openHolder, removeEmptyHolder, runSnapshotsName } from './holder-directory.ts'
import type { ProgramRunner } from './program-runner.ts'
import { isRefusal, type Refusal, type SnapshotHost, type SnapshotRequest, type SnapshotUnit, type UnitPlace } from './snapshot-provider.ts'

/** A snapshot that is read through a mount of its own, in the run's directory, where nobody else looks. */
export interface PrivateMount {
  /** Mounts it and proves by the mount table that it is what was asked for. */
  mount(source: string, fsType: string, options: string): Promise<Refusal | null>
  isMounted(source: string): boolean
  /** Undoes `mount`, also one of a run that was killed. Nothing mounted is no refusal; something else there is. */
  unmount(source: string): Promise<Refusal | null>
}

export function privateMount(host: SnapshotHost, runner: ProgramRunner, record: SnapshotRecord): PrivateMount {
  const at = fromPathText(record.path.text, record.path.b64)
  const holderPath = parentPath(at)
  const sourceThere = () => host.readMounts().get(at)?.source

  return {
    async mount(source, fsType, options) {
      const holder = openHolder(holderPath)
      if (isRefusal(holder)) return holder
      holder[Symbol.dispose]()
      mkdirSync(fsPath(at), { mode: 0o700 })
      const mounted = await runner.output('mount', ['-t', fsType, '-o', options, source, record.path.text])
      if (isRefusal(mounted)) return mounted
      return sourceThere() === toBytePath(source) ? null : { reason: `${source} was mounted, and is not at ${record.path.text}` }
    },
    isMounted: (source) => sourceThere() === toBytePath(source),
    async unmount(source) {
      const there = sourceThere()
      if (there !== undefined) {
        if (there !== toBytePath(source)) return { reason: `something else is mounted at ${record.path.text}: ${there}` }
        const unmounted = await runner.output('umount', [record.path.text])
        if (isRefusal(unmounted)) return unmounted
        if (sourceThere() !== undefined) return { reason: `${record.path.text} is still mounted` }
      }
      if (lstatSync(fsPath(at), { throwIfNoEntry: false }) !== undefined) rmdirSync(fsPath(at))
      removeEmptyHolder(holderPath)
      return null
    },
  }
}

/** A unit that is a whole mount, as a snapshot of it is mounted: in the directory of the run, and whole also where only a part of it is bound here. */
export function placeInMount(
  mount: Mount,
  path: BytePath,
  workDirectory: BytePath,
  unit: Pick<SnapshotUnit, 'provider' | 'key' | 'label' | 'facts'>,
): UnitPlace {
  const below = path.slice(mount.mountPoint === '/' ? 0 : mount.mountPoint.length)
  return {
    unit: { ...unit, root: mount.mountPoint, filesystem: 'private mounts', holder: mountHolder(workDirectory) },
    inside: `${mount.root === '/' ? '' : mount.root}${below === '/' ? '' : below}`,
  }
}

/** The record of a snapshot that will be mounted in its unit's holder. */
export function planMounted(unit: SnapshotUnit, { runId, number, ownerToken }: SnapshotRequest): SnapshotRecord {
  const name = `${runId}-${number}`
  return {
    provider: unit.provider,
    unit: unit.label,
    name,
    root: pathText(unit.root),
    path: pathText(`${unit.holder}/${name}`),
    facts: { ...unit.facts, owner_token: ownerToken },
    identity: null,
  }
}

/** The directory such mounts go to. */
export function mountHolder(workDirectory: BytePath): BytePath {
  return `${workDirectory}/${runSnapshotsName}`
}

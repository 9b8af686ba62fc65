import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { fromPathText, pathText } from '../../../lib/byte-path.ts'
import { mountOf } from '../../../lib/mount-table.ts'
import { snapshotDescriptions } from '../../../protocol/snapshot-descriptions.ts'
import { placeInMount, planMounted, privateMount } from '../private-mount.ts'
import { createProgramRunner } from '../program-runner.ts'
import { isRefusal, type Refusal, type SnapshotHost, type SnapshotProvider } from '../snapshot-provider.ts'
import { deviceType, isBroken, type LogicalVolume, readVolume } from './lvm-volume.ts'

const filesystems: readonly string[] = snapshotDescriptions.lvm.filesystems

/** How much may change on a volume while a thick snapshot of it is read. */
const thickSize = '20%ORIGIN'

/**
 * A snapshot is a writable volume, so that the filesystem on it can finish what it was doing when it was frozen, and is mounted read-only. XFS refuses two filesystems of one
 * UUID unless told.
 */
const mountOptions: Readonly<Record<string, string>> = { xfs: 'ro,nouuid,noatime,nodev,nosuid,noexec', ext4: 'ro,noatime,nodev,nosuid,noexec' }

/**
 * Snapshots of thin and thick logical volumes, mounted privately. One is known by its UUID, and before that is recorded by its name, its origin and our token in its tags.
 * Btrfs on LVM is refused: two filesystems of one UUID can destroy each other there.
 */
export function createLvmProvider(host: SnapshotHost): SnapshotProvider {
  // It complains of every descriptor it inherits, our lock among them.
  const runner = createProgramRunner(host, { LVM_SUPPRESS_FD_WARNINGS: '1' })

  /** The volume, when it is the snapshot of the record. */
  async function ownVolume(record: SnapshotRecord): Promise<LogicalVolume | 'absent' | Refusal> {
    const volume = await readVolume(nameOf(record), runner)
    if (volume === 'absent' || isRefusal(volume)) return volume
    const isOurs =
      volume.origin !== '' &&
      volume.origin === record.facts['lv'] &&
      volume.lv_tags.split(',').includes(tagOf(record)) &&
      (record.identity === null || volume.lv_uuid === record.identity['lv_uuid'])
    return isOurs ? volume : { reason: `${nameOf(record)} is left alone: it is not the snapshot of this run` }
  }

  return {
    kind: 'lvm',
    async locate(path, workDirectory) {
      const mount = mountOf(host.readMounts(), path)
      if (mount === undefined || !filesystems.includes(mount.fsType)) return { reason: `${pathText(path).text} is not on ext4 or XFS` }
      const device = pathText(mount.source).text
      if (!device.startsWith('/dev/')) return { reason: `${device} is no block device` }
      const type = await deviceType(device, runner)
      if (isRefusal(type)) return type
      if (type === 'crypt') return { reason: `${device} is encrypted above LVM, and a snapshot of it would have to be unlocked a second time` }
      if (type !== 'lvm') {
        return {
          reason: `${pathText(path).text} is on ${mount.fsType} on ${device}, which is no logical volume`,
          hint: `${mount.fsType === 'xfs' ? 'Freeze it file by file with --snapshot-provider reflink, or keep' : 'Keep'} it on a logical volume, on Btrfs or on ZFS.`,
        }
      }
      if (!host.isAdministrator) return { reason: 'LVM snapshots can be made by root only', hint: 'Run as root.' }
      const volume = await readVolume(device, runner)
      if (volume === 'absent') return { reason: `LVM does not know ${device}` }
      if (isRefusal(volume)) return volume
      const { vg_name: vg, lv_name: lv, lv_uuid, pool_lv } = volume
      return placeInMount(mount, path, workDirectory, {
        provider: 'lvm',
        key: `lvm:${lv_uuid}`,
        label: `lvm:${vg}/${lv}`,
        facts: { vg, lv, lv_uuid, kind: pool_lv === '' ? 'thick' : 'thin', fs_type: mount.fsType },
      })
    },
    plan: planMounted,
    async create(records, lockFd) {
      const refusals: (Refusal | null)[] = []
      for (const record of records) {
        const { kind, vg, lv } = record.facts
        // A thin snapshot is not activated unless told, and with a size it would become a thick one.
        const how = kind === 'thin' ? ['-kn', '-ay'] : ['-l', thickSize]
        const args = ['-s', ...how, '-n', record.name, '--addtag', tagOf(record), `${vg ?? ''}/${lv ?? ''}`]
        const created = await runner.output('lvcreate', args, lockFd)
        refusals.push(isRefusal(created) ? created : null)
      }
      const made = []
      for (const [index, record] of records.entries()) {
        const volume = refusals[index] ?? (await ownVolume(record))
        if (volume === 'absent') made.push({ reason: `${nameOf(record)} is not there after it was made` })
        else made.push(isRefusal(volume) ? volume : { lv_uuid: volume.lv_uuid })
      }
      return { made, isAtomicSet: false }
    },
    async open(record) {
      const volume = await ownVolume(record)
      if (volume === 'absent') return { reason: `the snapshot ${nameOf(record)} is not there any more` }
      if (isRefusal(volume)) return volume
      const place = privateMount(host, runner, record)
      const fsType = record.facts['fs_type'] ?? ''
      const source = mapperName(volume)
      const refusal = await place.mount(source, fsType, mountOptions[fsType] ?? 'ro')
      if (refusal !== null) return refusal
      return {
        root: fromPathText(record.path.text, record.path.b64),
        async check() {
          const now = await ownVolume(record)
          if (now !== 'absent' && isRefusal(now)) return now
          if (now === 'absent' || !place.isMounted(source)) return { reason: `the snapshot ${nameOf(record)} is not there any more` }
          return isBroken(now)
            ? {
                reason: `the snapshot ${nameOf(record)} had no room left for what changed meanwhile`,
                hint: 'Leave more room in the volume group or the pool.',
              }
            : null
        },
        // What stays mounted is unmounted by `remove`, which says when it cannot.
        close: async () => {},
      }
    },
    async remove(record, lockFd) {
      const refusal = await privateMount(host, runner, record).unmount(mapperName({ vg_name: record.facts['vg'] ?? '', lv_name: record.name }))
      if (refusal !== null) return refusal
      const volume = await ownVolume(record)
      if (volume === 'absent') return await originIsThere(record)
      if (isRefusal(volume)) return volume
      const removed = await runner.output('lvremove', ['-f', '-y', nameOf(record)], lockFd)
      if (isRefusal(removed)) return removed
      return (await ownVolume(record)) === 'absent' ? null : { reason: `${nameOf(record)} is still there after it was removed` }
    },
  }

  /** Without its origin nobody can say that a snapshot is gone: the disk may not be there. */
  async function originIsThere({ facts }: SnapshotRecord): Promise<Refusal | null> {
    const name = `${facts['vg'] ?? ''}/${facts['lv'] ?? ''}`
    const origin = await readVolume(name, runner)
    if (origin !== 'absent' && !isRefusal(origin) && origin.lv_uuid === facts['lv_uuid']) return null
    return { reason: `the volume ${name} is not there`, hint: 'Attach its disk, and "bastion leases reap".' }
  }
}

function nameOf({ facts, name }: SnapshotRecord): string {
  return `${facts['vg'] ?? ''}/${name}`
}

function tagOf({ facts }: SnapshotRecord): string {
  return `bastion_${facts['owner_token'] ?? ''}`
}

/** The name under which the mount table shows a volume: hyphens in the names of group and volume are doubled. */
function mapperName({ vg_name, lv_name }: Pick<LogicalVolume, 'vg_name' | 'lv_name'>): string {
  return `/dev/mapper/${vg_name.replaceAll('-', '--')}-${lv_name.replaceAll('-', '--')}`
}

import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { fromPathText, pathText } from '../../../lib/byte-path.ts'
import { mountOf } from '../../../lib/mount-table.ts'
import { placeInMount, planMounted, privateMount } from '../private-mount.ts'
import { createProgramRunner, failureText } from '../program-runner.ts'
import { isRefusal, type CreateOutcome, type Refusal, type SnapshotHost, type SnapshotProvider } from '../snapshot-provider.ts'

/** A user property: whose snapshot it is. */
const ownerProperty = 'bastion:owner'

/**
 * Snapshots of ZFS datasets, mounted privately: what `.zfs/snapshot` shows can be another dataset's (openzfs #9958). Those of one pool are taken by one command, of one moment.
 * A snapshot is known by its guid, and before that is recorded by its name and our token in a property it is born with. Nested datasets are mounts of their own.
 */
export function createZfsProvider(host: SnapshotHost): SnapshotProvider {
  const runner = createProgramRunner(host)

  async function propertiesOf(name: string, properties: readonly string[]): Promise<Map<string, string> | 'absent' | Refusal> {
    const args = ['get', '-Hp', '-o', 'property,value', properties.join(','), name]
    const result = await runner.result('zfs', args)
    if (isRefusal(result)) return result
    if (result.code === 0) return new Map(result.stdout.split('\n').map((line) => line.split('\t') as [string, string]))
    return result.stderr.includes('does not exist') ? 'absent' : { reason: failureText('zfs', args, result) }
  }

  /** @returns its guid; `absent` where there is none of this name */
  async function ownGuid(record: SnapshotRecord): Promise<string | Refusal> {
    const found = await propertiesOf(nameOf(record), ['type', 'guid', ownerProperty])
    if (typeof found === 'string' || isRefusal(found)) return found
    const guid = found.get('guid') ?? ''
    const isOurs =
      found.get('type') === 'snapshot' &&
      found.get(ownerProperty) === record.facts['owner_token'] &&
      (record.identity === null || guid === record.identity['guid'])
    return isOurs ? guid : { reason: `${nameOf(record)} is left alone: it is not the snapshot of this run` }
  }

  return {
    kind: 'zfs',
    async locate(path, workDirectory) {
      const mount = mountOf(host.readMounts(), path)
      if (mount?.fsType !== 'zfs') return { reason: `${pathText(path).text} is not on ZFS` }
      const dataset = pathText(mount.source).text
      if (dataset.includes('@')) return { reason: `${dataset} is a snapshot already` }
      if (!host.isAdministrator) return { reason: 'ZFS snapshots can be mounted by root only', hint: 'Run as root.' }
      const found = await propertiesOf(dataset, ['guid', 'keystatus'])
      if (found === 'absent') return { reason: `the dataset ${dataset} does not exist` }
      if (isRefusal(found)) return found
      if (found.get('keystatus') === 'unavailable') return { reason: `the key of ${dataset} is not loaded`, hint: `zfs load-key ${dataset}` }
      const guid = found.get('guid') ?? ''
      return placeInMount(mount, path, workDirectory, {
        provider: 'zfs',
        key: `zfs:${guid}`,
        label: `zfs:${dataset}`,
        facts: { dataset, dataset_guid: guid },
      })
    },
    plan: planMounted,
    async create(records, lockFd): Promise<CreateOutcome> {
      const pools = new Map<string, SnapshotRecord[]>()
      for (const record of records) pools.set(poolOf(record), [...(pools.get(poolOf(record)) ?? []), record])
      const failures = new Map<SnapshotRecord, Refusal>()
      for (const mine of pools.values()) {
        const names = mine.map(nameOf)
        const made = await runner.output('zfs', ['snapshot', '-o', `${ownerProperty}=${mine[0]!.facts['owner_token'] ?? ''}`, ...names], lockFd)
        if (isRefusal(made)) for (const record of mine) failures.set(record, made)
      }
      const made = []
      for (const record of records) {
        const guid = failures.get(record) ?? (await ownGuid(record))
        if (guid === 'absent') made.push({ reason: `${nameOf(record)} is not there after it was made` })
        else made.push(typeof guid === 'string' ? { guid } : guid)
      }
      return { made, isAtomicSet: pools.size === 1 }
    },
    async open(record) {
      const name = nameOf(record)
      const guid = await ownGuid(record)
      if (typeof guid !== 'string') return guid
      if (guid === 'absent') return { reason: `the snapshot ${name} is not there any more` }
      const place = privateMount(host, runner, record)
      const refusal = await place.mount(name, 'zfs', 'ro')
      if (refusal !== null) return refusal
      return {
        root: fromPathText(record.path.text, record.path.b64),
        async check() {
          const now = await ownGuid(record)
          if (now !== 'absent' && typeof now !== 'string') return now
          return now === 'absent' || !place.isMounted(name) ? { reason: `the snapshot ${name} is not there any more` } : null
        },
        // What stays mounted is unmounted by `remove`, which says when it cannot.
        close: async () => {},
      }
    },
    async remove(record, lockFd) {
      const name = nameOf(record)
      if (!name.includes('@') || !name.endsWith(`@${record.name}`)) return { reason: `${name} does not name a snapshot` }
      const refusal = await privateMount(host, runner, record).unmount(name)
      if (refusal !== null) return refusal
      const guid = await ownGuid(record)
      if (typeof guid !== 'string') return guid
      if (guid === 'absent') return await datasetIsThere(record)
      // Never -r or -R: what depends on it is somebody else's.
      const destroyed = await runner.output('zfs', ['destroy', name], lockFd)
      if (isRefusal(destroyed)) return destroyed
      const left = await ownGuid(record)
      return left === 'absent' ? null : { reason: `${name} is still there after it was destroyed` }
    },
  }

  /** Without its dataset nobody can say that a snapshot is gone: the pool may be exported. */
  async function datasetIsThere({ facts }: SnapshotRecord): Promise<Refusal | null> {
    const dataset = await propertiesOf(facts['dataset'] ?? '', ['guid'])
    if (dataset !== 'absent' && !isRefusal(dataset) && dataset.get('guid') === facts['dataset_guid']) return null
    return { reason: `the dataset ${facts['dataset'] ?? ''} is not there`, hint: 'Import its pool, and "bastion leases reap".' }
  }
}

function nameOf({ facts, name }: SnapshotRecord): string {
  return `${facts['dataset'] ?? ''}@${name}`
}

function poolOf({ facts }: SnapshotRecord): string {
  return (facts['dataset'] ?? '').split('/')[0] ?? ''
}

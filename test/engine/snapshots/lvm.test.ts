import { existsSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { SnapshotRecord } from '../../../src/core/snapshot-lease.ts'
import { createLvmProvider } from '../../../src/engine/snapshots/lvm/lvm-provider.ts'
import { isRefusal, type SnapshotProvider } from '../../../src/engine/snapshots/snapshot-provider.ts'
import { mountAt, type RecordedCommand, type RecordedHost, recordedHost } from '../../support/recorded-commands.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const runId = '01a1fd05-fef3-705a-a4f8-33b44208a591'
const token = 'f00dfeedf00dfeedf00dfeedf00dfeed'
const name = `${runId}-1`
const fields = 'vg_name,lv_name,lv_uuid,lv_attr,pool_lv,origin,data_percent,lv_tags'
const env = { LVM_SUPPRESS_FD_WARNINGS: '1' }
let host: RecordedHost
let provider: SnapshotProvider

beforeEach(() => {
  host = recordedHost()
  host.mounts.set('/', mountAt('/', 'ext4', '/dev/sda1'))
  host.mounts.set('/srv', mountAt('/srv', 'xfs', '/dev/mapper/vg--0-srv'))
  host.mounts.set('/home', mountAt('/home', 'ext4', '/dev/mapper/vg--0-home'))
  provider = createLvmProvider(host)
})

const device = (at: string, type: string): RecordedCommand => ({
  run: `lsblk -J -d -o PATH,TYPE ${at}`,
  stdout: `{"blockdevices": [{"path":"${at}", "type":"${type}"}]}`,
})

function volume(of: string, over: Record<string, string>): RecordedCommand {
  const lv = {
    vg_name: 'vg-0',
    lv_name: 'srv',
    lv_uuid: 'AAAA-1',
    lv_attr: '-wi-ao----',
    pool_lv: '',
    origin: '',
    data_percent: '',
    lv_tags: '',
    ...over,
  }
  return { run: `lvs --reportformat json -o ${fields} ${of}`, stdout: JSON.stringify({ report: [{ lv: [lv] }] }), env }
}
const snapshotVolume = (over: Record<string, string> = {}): RecordedCommand =>
  volume(`vg-0/${name}`, {
    lv_name: name,
    lv_uuid: 'SSSS-1',
    origin: 'srv',
    lv_attr: 'swi-aos---',
    data_percent: '1.20',
    lv_tags: `bastion_${token}`,
    ...over,
  })
const absent: RecordedCommand = {
  run: `lvs --reportformat json -o ${fields} vg-0/${name}`,
  stderr: `  Failed to find logical volume "vg-0/${name}"\n`,
  code: 5,
}

async function planned(work: string, kind: 'thin' | 'thick' = 'thick', at = '/srv'): Promise<SnapshotRecord> {
  const mapper = host.mounts.get(at)!.source
  host.expects(device(mapper, 'lvm'), volume(mapper, { lv_name: path.basename(at), pool_lv: kind === 'thin' ? 'pool' : '' }))
  const place = await provider.locate(`${at}/a`, work)
  if (isRefusal(place)) throw new Error(place.reason)
  expect(place).toMatchObject({ unit: { label: `lvm:vg-0${at}`, root: at, facts: { kind } }, inside: '/a' })
  return provider.plan(place.unit, { runId, number: 1, ownerToken: token, runDirectory: work })
}

describe('what is no volume to freeze says why', () => {
  test.for([
    ['part', 'which is no logical volume'],
    ['disk', 'which is no logical volume'],
    ['crypt', 'encrypted above LVM'],
  ] as const)('%s', async ([type, reason]) => {
    host.expects(device('/dev/sda1', type))
    expect(await provider.locate('/etc', '/run/1')).toMatchObject({ reason: expect.stringContaining(reason) })
    host.done()
  })

  test('another filesystem: two Btrfs of one UUID would destroy each other', async () => {
    host.mounts.set('/b', mountAt('/b', 'btrfs', '/dev/mapper/vg--0-b'))
    expect(await provider.locate('/b', '/run/1')).toMatchObject({ reason: '/b is not on ext4 or XFS' })
    host.done()
  })
})

test('a thin volume is frozen without a size and activated', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path, 'thin')
  host.expects({ run: `lvcreate -s -kn -ay -n ${name} --addtag bastion_${token} vg-0/srv`, env }, snapshotVolume())
  expect(await provider.create([record], 9)).toEqual({ made: [{ lv_uuid: 'SSSS-1' }], isAtomicSet: false })
  host.done()
})

test('a thick volume is frozen with room for what changes, and says when there is none', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  const run = `lvcreate -s -l 20%ORIGIN -n ${name} --addtag bastion_${token} vg-0/srv`
  host.expects({ run }, snapshotVolume())
  expect(await provider.create([record], 9)).toMatchObject({ made: [{ lv_uuid: 'SSSS-1' }] })
  host.expects({ run, stderr: '  Volume group "vg-0" has insufficient free space (0 extents): 51 required.\n', code: 5 })
  expect(await provider.create([record], 9)).toMatchObject({ made: [{ reason: expect.stringContaining('insufficient free space') }] })
  host.done()
})

test.for([
  ['/srv', 'xfs', 'ro,nouuid,noatime,nodev,nosuid,noexec'],
  ['/home', 'ext4', 'ro,noatime,nodev,nosuid,noexec'],
] as const)(
  '%s: %s is mounted read-only from the writable snapshot, checked, unmounted and removed by its exact name',
  async ([at, fsType, options]) => {
    await using work = await temporaryFolder()
    const origin = path.basename(at)
    const record = { ...(await planned(work.path, 'thick', at)), identity: { lv_uuid: 'SSSS-1' } }
    const mine = snapshotVolume({ origin })
    const source = `/dev/mapper/vg--0-${name.replaceAll('-', '--')}`
    const place = record.path.text
    host.expects(
      mine,
      { run: `mount -t ${fsType} -o ${options} ${source} ${place}`, effect: () => host.mounts.set(place, mountAt(place, fsType, source)) },
      mine,
    )
    const snapshot = await provider.open(record)
    if (isRefusal(snapshot)) throw new Error(snapshot.reason)
    expect(await snapshot.check()).toBeNull()
    host.expects({ run: `umount ${place}`, effect: () => host.mounts.delete(place) }, mine, { run: `lvremove -f -y vg-0/${name}` }, absent)
    expect(await provider.remove(record, 9)).toBeNull()
    expect(existsSync(path.dirname(place))).toBe(false)
    host.done()
  },
)

test('a snapshot that ran out of room is worth nothing', async () => {
  await using work = await temporaryFolder()
  const record = { ...(await planned(work.path)), identity: { lv_uuid: 'SSSS-1' } }
  const source = `/dev/mapper/vg--0-${name.replaceAll('-', '--')}`
  const place = record.path.text
  host.expects(snapshotVolume(), {
    run: `mount -t xfs -o ro,nouuid,noatime,nodev,nosuid,noexec ${source} ${place}`,
    effect: () => host.mounts.set(place, mountAt(place, 'xfs', source)),
  })
  const snapshot = await provider.open(record)
  if (isRefusal(snapshot)) throw new Error(snapshot.reason)
  for (const broken of [{ lv_attr: 'swi-Ios---' }, { data_percent: '100.00' }]) {
    host.expects(snapshotVolume(broken))
    expect(await snapshot.check()).toMatchObject({ reason: expect.stringContaining('had no room left') })
  }
  host.done()
})

test('nothing but the snapshot of the lease is removed', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  const alone = { reason: `vg-0/${name} is left alone: it is not the snapshot of this run` }
  host.expects(
    snapshotVolume({ lv_tags: 'mine' }),
    snapshotVolume({ origin: '' }),
    snapshotVolume({ origin: 'other' }),
    snapshotVolume({ lv_uuid: 'ZZZZ' }),
  )
  for (let i = 0; i < 3; i++) expect(await provider.remove(record, 9)).toEqual(alone)
  expect(await provider.remove({ ...record, identity: { lv_uuid: 'SSSS-1' } }, 9)).toEqual(alone)
  // The run was killed before it learned the UUID: name, origin and tag prove it.
  host.expects(snapshotVolume(), { run: `lvremove -f -y vg-0/${name}` }, absent)
  expect(await provider.remove(record, 9)).toBeNull()
  host.done()
})

test('a volume group that is not there proves nothing, its origin does', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  const missing: RecordedCommand = { ...absent, stderr: '  Volume group "vg-0" not found\n' }
  host.expects(missing, { ...missing, run: missing.run.replace(name, 'srv') })
  expect(await provider.remove(record, 9)).toMatchObject({ reason: 'the volume vg-0/srv is not there' })
  host.expects(absent, volume('vg-0/srv', {}))
  expect(await provider.remove(record, 9)).toBeNull()
  host.done()
})

test('one that is in use stays, and says so', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  host.expects(snapshotVolume(), {
    run: `lvremove -f -y vg-0/${name}`,
    stderr: `  Logical volume vg-0/${name} contains a filesystem in use.\n`,
    code: 5,
  })
  expect(await provider.remove(record, 9)).toMatchObject({ reason: expect.stringContaining('contains a filesystem in use') })
})

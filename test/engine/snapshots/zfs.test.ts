import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { SnapshotRecord } from '../../../src/core/snapshot-lease.ts'
import { isRefusal, type SnapshotProvider, type SnapshotUnit } from '../../../src/engine/snapshots/snapshot-provider.ts'
import { createZfsProvider } from '../../../src/engine/snapshots/zfs/zfs-provider.ts'
import { mountAt, type RecordedCommand, type RecordedHost, recordedHost } from '../../support/recorded-commands.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const runId = '01a1fd05-fef3-705a-a4f8-33b44208a591'
const token = 'f00dfeedf00dfeedf00dfeedf00dfeed'
let host: RecordedHost
let provider: SnapshotProvider

beforeEach(() => {
  host = recordedHost()
  host.mounts.set('/', mountAt('/', 'ext4', '/dev/sda1'))
  host.mounts.set('/tank/data', mountAt('/tank/data', 'zfs', 'tank/data'))
  host.mounts.set('/tank/data/mail', mountAt('/tank/data/mail', 'zfs', 'tank/mail'))
  host.mounts.set('/export', mountAt('/export', 'zfs', 'tank/data', '/shared'))
  provider = createZfsProvider(host)
})

const look = (dataset: string, guid: string, keystatus = '-'): RecordedCommand => ({
  run: `zfs get -Hp -o property,value guid,keystatus ${dataset}`,
  stdout: `guid\t${guid}\nkeystatus\t${keystatus}\n`,
})
const own = (name: string, guid: string, owner = token): RecordedCommand => ({
  run: `zfs get -Hp -o property,value type,guid,bastion:owner ${name}`,
  stdout: `type\tsnapshot\nguid\t${guid}\nbastion:owner\t${owner}\n`,
})
const absent = (name: string): RecordedCommand => ({
  run: `zfs get -Hp -o property,value type,guid,bastion:owner ${name}`,
  stderr: `cannot open '${name}': dataset does not exist\n`,
  code: 1,
})

async function unitOf(at: string): Promise<{ unit: SnapshotUnit; inside: string }> {
  const place = await provider.locate(at, '/run/1')
  if (isRefusal(place)) throw new Error(place.reason)
  return place
}

async function planned(work: string, number = 1): Promise<SnapshotRecord> {
  host.expects(look('tank/data', '111'))
  const { unit } = await unitOf('/tank/data/a')
  return provider.plan({ ...unit, holder: `${work}/source_snapshot` }, { runId, number, ownerToken: token, runDirectory: work })
}

test('a path is located by the dataset of its mount, also where only a part of it is bound', async () => {
  host.expects(look('tank/data', '111'), look('tank/mail', '222'), look('tank/data', '111'))
  expect(await unitOf('/tank/data/a/b')).toMatchObject({ unit: { key: 'zfs:111', root: '/tank/data', label: 'zfs:tank/data' }, inside: '/a/b' })
  expect(await unitOf('/tank/data/mail')).toMatchObject({ unit: { key: 'zfs:222' }, inside: '' })
  expect(await unitOf('/export/x')).toMatchObject({ unit: { key: 'zfs:111' }, inside: '/shared/x' })
  host.done()
})

test('what cannot be frozen says why', async () => {
  host.expects(look('tank/data', '111', 'unavailable'))
  expect(await provider.locate('/tank/data', '/run/1')).toMatchObject({
    reason: 'the key of tank/data is not loaded',
    hint: 'zfs load-key tank/data',
  })
  host.mounts.set('/snap', mountAt('/snap', 'zfs', 'tank/data@old'))
  expect(await provider.locate('/snap', '/run/1')).toMatchObject({ reason: 'tank/data@old is a snapshot already' })
  expect(await provider.locate('/etc', '/run/1')).toMatchObject({ reason: '/etc is not on ZFS' })
  const nobody = createZfsProvider({ ...host, isAdministrator: false })
  expect(await nobody.locate('/tank/data', '/run/1')).toMatchObject({ hint: 'Run as root.' })
})

test('the datasets of one pool are frozen by one command, of one moment', async () => {
  host.expects(look('tank/data', '111'), look('tank/mail', '222'))
  const units = [(await unitOf('/tank/data')).unit, (await unitOf('/tank/data/mail')).unit]
  const records = units.map((unit, index) => provider.plan(unit, { runId, number: index + 1, ownerToken: token, runDirectory: '/run/1' }))
  const [one, two] = [`tank/data@${runId}-1`, `tank/mail@${runId}-2`]
  host.expects({ run: `zfs snapshot -o bastion:owner=${token} ${one} ${two}` }, own(one, '31'), own(two, '32'))
  expect(await provider.create(records, 9)).toEqual({ made: [{ guid: '31' }, { guid: '32' }], isAtomicSet: true })
  host.done()
})

test('two pools are two commands, and no set', async () => {
  host.mounts.set('/other', mountAt('/other', 'zfs', 'other'))
  host.expects(look('tank/data', '111'), look('other', '333'))
  const units = [(await unitOf('/tank/data')).unit, (await unitOf('/other')).unit]
  const records = units.map((unit, index) => provider.plan(unit, { runId, number: index + 1, ownerToken: token, runDirectory: '/run/1' }))
  host.expects(
    { run: `zfs snapshot -o bastion:owner=${token} tank/data@${runId}-1` },
    { run: `zfs snapshot -o bastion:owner=${token} other@${runId}-2`, stderr: "cannot create snapshot 'other': out of space\n", code: 1 },
    own(`tank/data@${runId}-1`, '31'),
  )
  expect(await provider.create(records, 9)).toEqual({
    made: [{ guid: '31' }, { reason: "zfs snapshot failed: cannot create snapshot 'other': out of space" }],
    isAtomicSet: false,
  })
  host.done()
})

test('it is mounted privately, checked, unmounted and destroyed by its exact name', async () => {
  await using work = await temporaryFolder()
  const record = { ...(await planned(work.path)), identity: { guid: '31' } }
  const name = `tank/data@${runId}-1`
  const at = record.path.text
  host.expects(
    own(name, '31'),
    { run: `mount -t zfs -o ro ${name} ${at}`, effect: () => host.mounts.set(at, mountAt(at, 'zfs', name)) },
    own(name, '31'),
  )
  const snapshot = await provider.open(record)
  if (isRefusal(snapshot)) throw new Error(snapshot.reason)
  expect(snapshot.root).toBe(at)
  expect(await snapshot.check()).toBeNull()
  host.expects({ run: `umount ${at}`, effect: () => host.mounts.delete(at) }, own(name, '31'), { run: `zfs destroy ${name}` }, absent(name))
  expect(await provider.remove(record, 9)).toBeNull()
  expect(existsSync(path.dirname(at))).toBe(false)
  host.done()
})

test('one that somebody destroyed meanwhile says so', async () => {
  await using work = await temporaryFolder()
  const record = { ...(await planned(work.path)), identity: { guid: '31' } }
  const name = `tank/data@${runId}-1`
  host.expects(absent(name))
  expect(await provider.open(record)).toMatchObject({ reason: `the snapshot ${name} is not there any more` })
})

test('nothing but the snapshot of the lease is destroyed', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  const name = `tank/data@${runId}-1`
  const alone = { reason: `${name} is left alone: it is not the snapshot of this run` }
  host.expects(own(name, '31', '-'), own(name, '99'), { ...own(name, '31'), stdout: `type\tfilesystem\nguid\t31\nbastion:owner\t${token}\n` })
  expect(await provider.remove(record, 9)).toEqual(alone)
  expect(await provider.remove({ ...record, identity: { guid: '31' } }, 9)).toEqual(alone)
  expect(await provider.remove({ ...record, identity: { guid: '31' } }, 9)).toEqual(alone)
  // The run was killed before it learned the guid: name and token prove it.
  host.expects(own(name, '31'), { run: `zfs destroy ${name}` }, absent(name))
  expect(await provider.remove(record, 9)).toBeNull()
  host.done()
})

test('something else at its mount point is not unmounted', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  mkdirSync(record.path.text, { recursive: true })
  host.mounts.set(record.path.text, mountAt(record.path.text, 'ext4', '/dev/sdb'))
  expect(await provider.remove(record, 9)).toMatchObject({ reason: expect.stringContaining('something else is mounted') })
  host.done()
})

test('a dataset that is not there proves nothing: its pool may be exported', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  const name = `tank/data@${runId}-1`
  const dataset = (over: Partial<RecordedCommand>): RecordedCommand => ({ run: 'zfs get -Hp -o property,value guid tank/data', ...over })
  host.expects(absent(name), dataset({ stderr: "cannot open 'tank/data': dataset does not exist\n", code: 1 }))
  expect(await provider.remove(record, 9)).toMatchObject({ reason: 'the dataset tank/data is not there' })
  host.expects(absent(name), dataset({ stdout: 'guid\t999\n' }))
  expect(await provider.remove(record, 9)).toMatchObject({ reason: 'the dataset tank/data is not there' })
  host.expects(absent(name), dataset({ stdout: 'guid\t111\n' }))
  expect(await provider.remove(record, 9)).toBeNull()
  host.done()
})

test('one that is busy stays, and the lease with it', async () => {
  await using work = await temporaryFolder()
  const record = await planned(work.path)
  const name = `tank/data@${runId}-1`
  host.expects(own(name, '31'), { run: `zfs destroy ${name}`, stderr: `cannot destroy snapshot ${name}: dataset is busy\n`, code: 1 })
  expect(await provider.remove(record, 9)).toEqual({ reason: `zfs destroy failed: cannot destroy snapshot ${name}: dataset is busy` })
})

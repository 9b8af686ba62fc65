import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SnapshotRecord } from '../../../src/core/snapshot-lease.ts'
import { createApfsProvider } from '../../../src/engine/snapshots/apfs/apfs-provider.ts'
import { isRefusal, type SnapshotProvider } from '../../../src/engine/snapshots/snapshot-provider.ts'
import { createVssProvider } from '../../../src/engine/snapshots/vss/vss-provider.ts'
import type { CommandRunner } from '../../../src/lib/run-command.ts'
import { type RecordedCommand, recordedHost } from '../../support/recorded-commands.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const runId = '01a1fd05-fef3-705a-a4f8-33b44208a591'
const request = (runDirectory: string) => ({ runId, number: 1, ownerToken: 'f00dfeedf00dfeed', runDirectory })

async function planned(provider: SnapshotProvider, at: string, work: string): Promise<SnapshotRecord> {
  const place = await provider.locate(at, work)
  if (isRefusal(place)) throw new Error(place.reason)
  return provider.plan(place.unit, request(work))
}

describe('VSS', () => {
  const id = '{3808876B-C176-4E48-B7AE-04046E6CC752}'
  const shadow = JSON.stringify({ id, volume: '\\\\?\\Volume{x}\\', device: '\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy7' })

  /** A PowerShell that answers in turn, and remembers what it was asked. */
  function windows(...answers: string[]) {
    const asked: { script: string; env: unknown }[] = []
    const run: CommandRunner = async ({ args, env }) => {
      expect(args.slice(0, 3)).toEqual(['-NoProfile', '-NonInteractive', '-Command'])
      asked.push({ script: args[3]!, env })
      return { code: 0, timedOut: false, stdout: `${answers.shift() ?? ''}\r\n`, stderr: '' }
    }
    const waits: number[] = []
    const provider = createVssProvider({ ...recordedHost({ platform: 'win32' }), run }, async (ms) => void waits.push(ms))
    return { provider, asked, waits }
  }

  test('a path is located by the letter of its volume, a network share is not', async () => {
    const { provider } = windows()
    expect(await provider.locate('c:\\Users\\x', 'D:\\work')).toMatchObject({ unit: { key: 'vss:C:\\' }, inside: 'Users\\x' })
    expect(await provider.locate('\\\\server\\share', 'D:\\work')).toMatchObject({ reason: expect.stringContaining('network shares') })
    expect(await createVssProvider(recordedHost()).locate('c:\\', '/')).toMatchObject({ reason: 'shadow copies are made by Windows only' })
  })

  test('waits once for another program that makes one, and puts no value into a script', async () => {
    const { provider, asked, waits } = windows(
      JSON.stringify({ return_value: 9, shadow_id: null }),
      JSON.stringify({ return_value: 0, shadow_id: id }),
      shadow,
      shadow,
    )
    const record = await planned(provider, 'C:\\data', 'D:\\work')
    const { made } = await provider.create([record], 9)
    expect(made).toEqual([{ shadow_id: id }])
    expect(waits).toHaveLength(1)
    const snapshot = await provider.open({ ...record, identity: { shadow_id: id } })
    if (isRefusal(snapshot)) throw new Error(snapshot.reason)
    expect(snapshot.root).toBe('\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy7\\')
    expect(await snapshot.check()).toBeNull()
    expect(asked.map(({ env }) => env)).toEqual([
      { BASTION_VOLUME: 'C:\\' },
      { BASTION_VOLUME: 'C:\\' },
      { BASTION_SHADOW: id },
      { BASTION_SHADOW: id },
    ])
    expect(asked.every(({ script }) => !script.includes('C:\\') && !script.includes(id))).toBe(true)
  })

  test('says the return value of a failure', async () => {
    const { provider } = windows(JSON.stringify({ return_value: 5, shadow_id: null }))
    const record = await planned(provider, 'C:\\data', 'D:\\work')
    expect((await provider.create([record], 9)).made).toEqual([{ reason: expect.stringContaining('return value 5') }])
  })

  test('removes the one of the lease and proves that it is gone; one without an id is left to a person', async () => {
    const { provider, asked } = windows(shadow, '', 'null')
    const record = await planned(provider, 'C:\\data', 'D:\\work')
    expect(await provider.remove({ ...record, identity: { shadow_id: id } }, 9)).toBeNull()
    expect(asked[1]).toEqual({ script: expect.stringContaining('Remove-CimInstance'), env: { BASTION_SHADOW: id } })
    expect(await provider.remove(record, 9)).toMatchObject({ hint: 'Look with "vssadmin list shadows".' })
    expect(await provider.remove({ ...record, identity: { shadow_id: 'x' } }, 9)).toMatchObject({ reason: 'x is no id of a shadow copy' })
    expect(asked).toHaveLength(3)
  })
})

describe('APFS', () => {
  const date = '2026-02-04-134432'
  const volume = '/System/Volumes/Data'
  const df: RecordedCommand = {
    run: 'df -P /Users/x',
    stdout: `Filesystem 512-blocks Used Available Capacity Mounted on\n/dev/disk3s5 965595304 400000000 500000000 45% ${volume}\n`,
  }
  const list = (...dates: string[]): RecordedCommand => ({
    run: `tmutil listlocalsnapshots ${volume}`,
    stdout: `Snapshots for disk ${volume}:\n${dates.map((each) => `com.apple.TimeMachine.${each}.local\n`).join('')}`,
  })
  const mac = () => {
    const host = recordedHost({ platform: 'darwin' })
    return { host, provider: createApfsProvider(host, async () => {}) }
  }

  test('is made, mounted, checked by its exact date, unmounted and deleted by it', async () => {
    await using work = await temporaryFolder()
    const { host, provider } = mac()
    host.expects(df, list())
    const planning = await planned(provider, '/Users/x', work.path)
    host.expects({ run: `tmutil localsnapshot ${volume}`, stdout: `Created local snapshot with date: ${date}\n` })
    expect(await provider.create([planning], 9)).toEqual({ made: [{ date }], isAtomicSet: false })
    const record = { ...planning, identity: { date } }
    const at = record.path.text
    host.expects(
      list('2026-02-04-134431', date),
      { run: `mount_apfs -o rdonly,nobrowse -s com.apple.TimeMachine.${date}.local ${volume} ${at}` },
      list(date),
    )
    const snapshot = await provider.open(record)
    if (isRefusal(snapshot)) throw new Error(snapshot.reason)
    expect(await snapshot.check()).toBeNull()
    host.expects(
      { run: 'mount', stdout: `/dev/disk3s5 on ${volume} (apfs, local)\ncom.apple.x on ${at} (apfs, local, read-only)\n` },
      { run: `umount ${at}` },
      list(date, '2026-02-04-134433'),
      { run: `tmutil deletelocalsnapshots ${date}` },
      list('2026-02-04-134433'),
    )
    expect(await provider.remove(record, 9)).toBeNull()
    expect(existsSync(path.dirname(at))).toBe(false)
    host.done()
  })

  test('one that macOS took away says so', async () => {
    const { host, provider } = mac()
    host.expects(df, list())
    const record = { ...(await planned(provider, '/Users/x', '/tmp/none')), identity: { date } }
    host.expects(list('2026-02-04-134431'))
    expect(await provider.open(record)).toMatchObject({ reason: expect.stringContaining('macOS takes them away') })
  })

  test('never gives tmutil anything but a date to delete', async () => {
    await using work = await temporaryFolder()
    const { host, provider } = mac()
    host.expects(df, list())
    const record = await planned(provider, '/Users/x', work.path)
    const nothing: RecordedCommand = { run: 'mount' }
    host.expects(nothing, nothing, nothing, list(), nothing, list(date), { run: `tmutil deletelocalsnapshots ${date}` }, list(date))
    expect(await provider.remove({ ...record, identity: { date: '/' } }, 9)).toMatchObject({ reason: '/ is no date of a snapshot' })
    expect(await provider.remove(record, 9)).toMatchObject({ hint: 'Look with "tmutil listlocalsnapshots".' })
    expect(await provider.remove({ ...record, identity: { date } }, 9)).toBeNull()
    expect(await provider.remove({ ...record, identity: { date } }, 9)).toMatchObject({ reason: expect.stringContaining('still there') })
    host.done()
  })
})

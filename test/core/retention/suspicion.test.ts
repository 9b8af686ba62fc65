import { describe, expect, test } from 'vitest'
import type { CoverageItem } from '../../../src/core/coverage.ts'
import { type AcceptedRun, findSuspicions } from '../../../src/core/suspicion.ts'

function accepted(files: number, more: Partial<AcceptedRun> = {}): AcceptedRun {
  return { files, source_bytes: files * 1000, coverage: [], is_new_normal: false, ...more }
}

const kinds = (found: ReturnType<typeof findSuspicions>) => found.map(({ kind }) => kind)

describe('files and bytes', () => {
  const five = [accepted(100), accepted(90), accepted(110), accepted(100), accepted(1000)]

  test.each([
    ['less than half of the files and bytes', accepted(49), ['files_fell', 'bytes_fell']],
    ['exactly half is not less', accepted(50), []],
    ['files only', { ...accepted(10), source_bytes: 100_000 }, ['files_fell']],
    ['bytes only', { ...accepted(100), source_bytes: 1 }, ['bytes_fell']],
    ['more is not suspicious', accepted(100_000), []],
    ['nothing at all', accepted(0), ['files_fell', 'bytes_fell']],
  ] as const)('%s', (_title, run, expected) => {
    expect(kinds(findSuspicions(run, five, []))).toEqual(expected)
  })

  test('it takes five runs to be a measure; before that only what has lost more than nine tenths is suspicious', () => {
    const four = five.slice(0, 4)
    expect(findSuspicions(accepted(10), four, [])).toEqual([])
    expect(findSuspicions(accepted(9), four, [])).toEqual([
      { kind: 'files_fell', median: 100, found: 9 },
      { kind: 'bytes_fell', median: 100_000, found: 9000 },
    ])
    expect(kinds(findSuspicions(accepted(0), [accepted(1)], []))).toEqual(['files_fell', 'bytes_fell'])
    expect(findSuspicions(accepted(0), [accepted(0)], [])).toEqual([])
    expect(findSuspicions(accepted(0), [], [])).toEqual([])
  })

  test('runs before the last five count no more', () => {
    expect(findSuspicions(accepted(60), [...five, ...Array.from({ length: 20 }, () => accepted(10_000))], [])).toEqual([])
  })

  test('the new normal that a person has accepted is a measure alone, and older runs are none', () => {
    const runs = [accepted(10, { is_new_normal: true }), ...five]
    expect(findSuspicions(accepted(9), runs, [])).toEqual([])
    expect(kinds(findSuspicions(accepted(4), runs, []))).toEqual(['files_fell', 'bytes_fell'])
    expect(findSuspicions(accepted(8), [accepted(9), accepted(10), ...runs], [])).toEqual([])
    expect(kinds(findSuspicions(accepted(4), [accepted(10), accepted(12), ...runs], []))).toEqual(['files_fell', 'bytes_fell'])
  })

  test('where nothing is normal, nothing is suspicious', () => {
    expect(
      findSuspicions(
        accepted(0),
        Array.from({ length: 5 }, () => accepted(0)),
        [],
      ),
    ).toEqual([])
  })
})

describe('mounts', () => {
  const at = (path: string, unit: string, read: CoverageItem['read'] = 'live'): CoverageItem => ({ path, unit, read })
  const before = [
    at('/etc', 'ext4:/dev/sda1'),
    at('/srv', 'ext4:/dev/sda1'),
    at('/srv/data', 'ext4:/dev/sdb'),
    at('/srv/tmp', 'tmpfs:tmpfs', 'excluded'),
  ]
  const look = (now: CoverageItem[], sources = ['/srv', '/etc'], runs = [accepted(1, { coverage: before })]) =>
    findSuspicions({ ...accepted(1), coverage: now }, runs, sources)

  test('a mount that is not there any more has vanished, after one run already', () => {
    expect(look([at('/etc', 'ext4:/dev/sda1'), at('/srv', 'ext4:/dev/sda1')])).toEqual([
      { kind: 'mount_vanished', path: '/srv/data', unit: 'ext4:/dev/sdb' },
    ])
  })

  test('a source path that is an empty directory of the disk around it now has vanished', () => {
    const alone = [at('/etc', 'ext4:/dev/sda1'), at('/mnt/disk', 'ext4:/dev/sdb')]
    const found = look([at('/etc', 'ext4:/dev/sda1'), at('/mnt/disk', 'ext4:/dev/sda1')], ['/etc', '/mnt/disk'], [accepted(1, { coverage: alone })])
    expect(found).toEqual([{ kind: 'mount_vanished', path: '/mnt/disk', unit: 'ext4:/dev/sdb' }])
  })

  test.each([
    ['it is the same', before],
    ['a disk has another name', [at('/etc', 'ext4:/dev/sda1'), at('/srv', 'ext4:/dev/sda1'), at('/srv/data', 'ext4:/dev/sdc')]],
    ['two disks have changed their names', [at('/etc', 'ext4:/dev/sdb'), at('/srv', 'ext4:/dev/sdb'), at('/srv/data', 'ext4:/dev/sda1')]],
    ['it is left out now', [...before.filter(({ path }) => path !== '/srv/data'), at('/srv/data', 'ext4:/dev/sdb', 'excluded')]],
    ['another one has come', [...before, at('/srv/new', 'ext4:/dev/sdd')]],
    ['what was not read before is gone', before.filter(({ path }) => path !== '/srv/tmp')],
  ])('nothing has vanished when %s', (_title, now) => {
    expect(look(now)).toEqual([])
  })

  test('what is asked for no more has not vanished, and names that only begin alike are others', () => {
    expect(look([at('/etc', 'ext4:/dev/sda1')], ['/etc'])).toEqual([])
    expect(look([at('/etc', 'ext4:/dev/sda1'), at('/sr', 'ext4:/dev/sda1')], ['/etc', '/sr'])).toEqual([])
    expect(look([at('/etc', 'ext4:/dev/sda1'), at('/srv', 'ext4:/dev/sda1')], ['/'])).toHaveLength(1)
  })

  test('the first run of a job has nothing to be compared with', () => {
    expect(look([], ['/srv'], [])).toEqual([])
  })
})

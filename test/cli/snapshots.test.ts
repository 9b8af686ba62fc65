import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { snapshotProviderKinds } from '../../src/protocol/snapshot-descriptions.ts'
import { errorCodeOf, jsonLines } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder } from '../support/cli-folder.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, whyNoLoop } from '../support/loop-filesystem.ts'
import { pathsOf, readTrace, whyNoStrace } from '../support/strace.ts'

const why = await whyNoLoop('btrfs')
const whyNoTrace = await whyNoStrace()

describe.skipIf(why !== undefined)(`source snapshots on the command line${why === undefined ? '' : `: ${why}`}`, () => {
  let folder: CliFolder
  let disk: LoopFilesystem
  let source: string

  beforeAll(async () => {
    folder = await cliFolder()
    disk = await loopFilesystem('btrfs')
    source = path.join(disk.path, 'srv')
    await btrfs('subvolume', 'create', source)
    await btrfs('subvolume', 'create', path.join(source, 'nested'))
    writeFileSync(path.join(source, 'file'), 'x')
  })
  afterAll(async () => {
    await disk[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const backup = (...args: string[]) => folder.run(['backup', source, '--to', 'backups', '--job-id', 'cli', '--json', ...args])

  describe('a backup', () => {
    test('is frozen where the node allows it: by option, or by its environment', async () => {
      const byOption = await backup('--snapshot', 'required', '--snapshot-root', disk.path)
      expect(jsonLines(byOption.stdout).at(-1), byOption.stderr).toMatchObject({ kind: 'result', grade: 'atomic_volume' })
      const roots = `/nowhere:${disk.path}`
      const byEnvironment = await folder.run(['backup', source, '--to', 'backups', '--job-id', 'cli', '--json'], {
        env: { BASTION_SNAPSHOT_ROOTS: roots },
      })
      expect(jsonLines(byEnvironment.stdout).at(-1)).toMatchObject({ kind: 'result', grade: 'atomic_volume' })
    })

    test('is not where nobody allowed it: read live with a warning, or failed when it was required', async () => {
      const auto = await backup()
      expect(auto.code).toBe(0)
      expect(jsonLines(auto.stdout).find(({ kind }) => kind === 'snapshot_unavailable')).toMatchObject({
        level: 'warn',
        message: expect.stringContaining(`--snapshot-root ${source}`),
      })
      const required = await backup('--snapshot', 'required')
      expect([required.code, errorCodeOf(required)]).toEqual([1, 'snapshot_unavailable'])
    })

    test('is not by a provider that is not enabled', async () => {
      const env = { BASTION_SNAPSHOT_PROVIDERS: 'zfs,lvm' }
      const end = await folder.run(['backup', source, '--to', 'backups', '--snapshot', 'required', '--snapshot-root', '/', '--json'], { env })
      expect(jsonLines(end.stdout).at(-1)).toMatchObject({ code: 'snapshot_unavailable', message: expect.stringContaining('btrfs is not enabled') })
    })

    test.skipIf(whyNoTrace !== undefined)('of a source named like a command starts no program but btrfs, and above all no shell', async () => {
      const odd = path.join(disk.path, `$(touch pwned);'"\n`)
      await btrfs('subvolume', 'create', odd)
      writeFileSync(path.join(odd, 'file'), 'odd')
      const trace = folder.at('trace')
      const end = await folder.run(
        ['backup', odd, '--to', 'backups', '--job-id', 'odd', '--json', '--snapshot', 'required', '--snapshot-root', disk.path],
        { under: ['strace', '-f', '-o', trace, '-e', 'trace=execve'] },
      )
      expect(jsonLines(end.stdout).at(-1), end.stderr).toMatchObject({ kind: 'result', status: 'success', grade: 'atomic_volume' })
      const started = readTrace(trace).flatMap((call) => (call.succeeded ? path.basename(pathsOf(call)[0] ?? '') : []))
      expect([...new Set(started)]).toEqual([path.basename(process.execPath), 'btrfs'])
      expect(started.length).toBe(3) // to make it and to remove it
      expect(existsSync(folder.at('pwned')) || existsSync('/pwned') || existsSync(path.join(disk.path, 'pwned'))).toBe(false)
    })
  })

  describe('snapshot probe', () => {
    test('says what would be frozen and what is missing, and changes nothing', async () => {
      mkdirSync(path.join(source, 'dir'), { recursive: true })
      const end = await folder.ok(['snapshot', 'probe', path.join(source), '--snapshot-root', disk.path, '--json'])
      expect(jsonLines(end.stdout)).toEqual([
        {
          path: source,
          read: 'snapshot',
          provider: 'btrfs',
          unit: `btrfs:${disk.device}[/srv]`,
          root: source,
          snapshots_in: `${source}/.bastion-snapshots`,
        },
        {
          path: `${source}/nested`,
          read: 'snapshot',
          provider: 'btrfs',
          unit: `btrfs:${disk.device}[/srv/nested]`,
          root: `${source}/nested`,
          snapshots_in: `${source}/.bastion-snapshots`,
        },
      ])
      expect(existsSync(path.join(source, '.bastion-snapshots'))).toBe(false)
      expect((await folder.ok(['snapshot', 'probe', source, '--exclude', 'nested', '--snapshot-root', '/'])).stdout).toMatch(/nested {2}left out$/m)
    })

    test('says with 3 that something would be read live, and why', async () => {
      const end = await folder.ok(['snapshot', 'probe', source], { codes: [3] })
      expect(end.stdout).toContain(`live: this node allows source snapshots nowhere. Allow them: --snapshot-root ${source}`)
      expect((await folder.run(['snapshot', 'probe', source, '--snapshot-provider', 'nonesuch'])).stdout).toContain('no snapshot provider nonesuch')
      expect((await folder.run(['snapshot', 'probe', 'nowhere'])).code).toBe(1)
    })
  })

  describe('leases', () => {
    test('of a node without any are an empty list', async () => {
      expect((await folder.ok(['leases', '--data-dir', 'fresh'])).stdout).toBe('')
      expect((await folder.ok(['leases', 'reap', '--data-dir', 'fresh'])).stdout).toBe('')
      expect((await folder.run(['leases', 'frobnicate'])).code).toBe(2)
    })

    test('that cannot be understood are told and left for a person', async () => {
      const runId = '01a1fd05-fef3-705a-a4f8-33b44208a591'
      mkdirSync(folder.at('odd', 'leases'), { recursive: true })
      writeFileSync(folder.at('odd', 'leases', `${runId}.json`), '{"v":1,"snapshots":[')
      expect((await folder.ok(['leases', '--data-dir', 'odd'])).stdout).toContain(`${runId}  DAMAGED`)
      expect((await folder.ok(['leases', 'reap', '--data-dir', 'odd'])).stdout).toContain('passed over')
      expect(folder.text('odd', 'leases', `${runId}.json`)).toBe('{"v":1,"snapshots":[')
      await folder.ok(['leases', 'forget', runId, '--data-dir', 'odd'])
      expect((await folder.ok(['leases', '--data-dir', 'odd'])).stdout).toBe('')
      expect((await folder.run(['leases', 'forget', runId, '--data-dir', 'odd'])).code).toBe(1)
      expect((await folder.run(['leases', 'forget', '../x', '--data-dir', 'odd'])).code).toBe(2)
    })
  })

  describe('doctor', () => {
    test('says what is there, and what to do about the rest', async () => {
      const end = await folder.ok(['doctor', '--json'])
      const findings = jsonLines(end.stdout)
      expect(findings.find(({ subject }) => subject === 'btrfs')).toMatchObject({ state: 'ok', message: expect.stringContaining('installed') })
      expect(findings.find(({ subject }) => subject === 'snapshot roots')).toMatchObject({
        state: 'note',
        hint: expect.stringContaining('--snapshot-root'),
      })
      expect(findings.find(({ subject }) => subject === 'zfs')).toMatchObject({ message: expect.stringContaining('not yet run on a real system') })
      const subjects = findings.map(({ subject }) => subject)
      expect(snapshotProviderKinds.filter((kind) => kind !== 'vss' && kind !== 'apfs' && !subjects.includes(kind))).toEqual([])
    })

    test('finds a problem in a program that is needed and missing', async () => {
      const end = await folder.ok(['doctor'], { codes: [3], env: { PATH: '/nowhere' } })
      expect(end.stdout).toMatch(/^PROBLEM {2}btrfs: not installed: btrfs\. Install btrfs-progs\.$/m)
    })
  })
})

import { mkdirSync, rmdirSync } from 'node:fs'
import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { fromPathText, fsPath, parentPath, pathText, toBytePath } from '../../../lib/byte-path.ts'
import { openHolder, removeEmptyHolder } from '../holder-directory.ts'
import { mountHolder } from '../private-mount.ts'
import { createProgramRunner } from '../program-runner.ts'
import { isRefusal, type Refusal, type SnapshotHost, type SnapshotProvider } from '../snapshot-provider.ts'

/** What `tmutil` calls a snapshot. A second long: two made within one would have one name. */
const date = /^\d{4}-\d{2}-\d{2}-\d{6}$/
const secondMs = 1_100

/**
 * Local snapshots of APFS volumes, as Time Machine makes them: others need an entitlement of Apple's. They carry no mark of ours: one whose date was not recorded, because its run was
 * killed just then, cannot be told from Time Machine's own and is left to macOS, which removes it within a day.
 */
export function createApfsProvider(host: SnapshotHost, wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))): SnapshotProvider {
  const runner = createProgramRunner(host)

  async function dates(volume: string): Promise<Set<string> | Refusal> {
    const listed = await runner.output('tmutil', ['listlocalsnapshots', volume])
    if (isRefusal(listed)) return listed
    return new Set(
      listed.stdout.split('\n').flatMap((line) => /^com\.apple\.TimeMachine\.(\d{4}-\d{2}-\d{2}-\d{6})\.local$/.exec(line.trim())?.[1] ?? []),
    )
  }

  async function isThere({ facts, identity }: SnapshotRecord): Promise<boolean | Refusal> {
    const found = await dates(facts['volume'] ?? '')
    return isRefusal(found) ? found : found.has(identity?.['date'] ?? '')
  }

  async function create({ facts }: SnapshotRecord, lockFd: number): Promise<Record<string, string> | Refusal> {
    const made = await runner.output('tmutil', ['localsnapshot', facts['volume'] ?? ''], lockFd)
    if (isRefusal(made)) return made
    const found = /Created local snapshot with date: (\S+)/.exec(made.stdout)?.[1] ?? ''
    return date.test(found) ? { date: found } : { reason: `tmutil answered what cannot be understood: ${made.stdout.trim()}` }
  }

  return {
    kind: 'apfs',
    async locate(path, workDirectory) {
      if (host.platform !== 'darwin') return { reason: 'APFS snapshots are made by macOS only' }
      // `df` knows that /Users is on the volume for data, which its path does not say.
      const told = await runner.output('df', ['-P', pathText(path).text])
      if (isRefusal(told)) return told
      const [, device, mountPoint] =
        /^(\/dev\/\S+)\s+\d+\s+\d+\s+\d+\s+\d+%\s+(\/.*)$/m.exec(Buffer.from(told.stdout, 'latin1').toString('utf8')) ?? []
      if (device === undefined || mountPoint === undefined) return { reason: `${pathText(path).text} is on no volume of this machine` }
      if (!host.isAdministrator) return { reason: 'APFS snapshots can be mounted by root only', hint: 'Run as root, with Full Disk Access.' }
      const found = await dates(mountPoint)
      if (isRefusal(found)) return found
      const root = toBytePath(mountPoint)
      const below = path.startsWith(root === '/' ? '/' : `${root}/`) || path === root ? path.slice(root === '/' ? 0 : root.length) : path
      return {
        unit: {
          provider: 'apfs',
          key: `apfs:${device}`,
          label: `apfs:${device}`,
          root,
          filesystem: 'private mounts',
          holder: mountHolder(workDirectory),
          facts: { volume: mountPoint },
        },
        inside: below === '/' ? '' : below,
      }
    },
    plan(unit, { runId, number }) {
      const name = `${runId}-${number}`
      return {
        provider: 'apfs',
        unit: unit.label,
        name,
        root: pathText(unit.root),
        path: pathText(`${unit.holder}/${name}`),
        facts: { ...unit.facts },
        identity: null,
      }
    },
    async create(records, lockFd) {
      const made: (Record<string, string> | Refusal)[] = []
      for (const record of records) {
        if (made.length > 0) await wait(secondMs)
        made.push(await create(record, lockFd))
      }
      return { made, isAtomicSet: false }
    },
    async open(record) {
      const at = fromPathText(record.path.text, record.path.b64)
      const gone: Refusal = {
        reason: `the snapshot ${record.identity?.['date'] ?? ''} is not there any more: macOS takes them away when it needs the space`,
      }
      const check = async (): Promise<Refusal | null> => {
        const there = await isThere(record)
        return isRefusal(there) ? there : there ? null : gone
      }
      const refusal = await check()
      if (refusal !== null) return refusal
      const holder = openHolder(parentPath(at))
      if (isRefusal(holder)) return holder
      holder[Symbol.dispose]()
      mkdirSync(fsPath(at), { mode: 0o700 })
      const snapshot = `com.apple.TimeMachine.${record.identity!['date']!}.local`
      const mounted = await runner.output('mount_apfs', ['-o', 'rdonly,nobrowse', '-s', snapshot, record.facts['volume'] ?? '', record.path.text])
      if (isRefusal(mounted)) return mounted
      return { root: at, check, close: async () => {} }
    },
    async remove(record, lockFd) {
      const at = fromPathText(record.path.text, record.path.b64)
      const mounts = await runner.output('mount', [])
      if (isRefusal(mounts)) return mounts
      if (mounts.stdout.includes(` on ${at} (`)) {
        const unmounted = await runner.output('umount', [record.path.text])
        if (isRefusal(unmounted)) return unmounted
      }
      removeEmptyDirectory(record)
      const found = record.identity?.['date']
      if (found === undefined) {
        return {
          reason: `a local snapshot of ${record.facts['volume'] ?? ''} may have been made and its date is not known`,
          hint: 'Look with "tmutil listlocalsnapshots".',
        }
      }
      // Anything but a date would be taken for a volume, and every snapshot of it deleted.
      if (!date.test(found)) return { reason: `${found} is no date of a snapshot` }
      const there = await isThere(record)
      if (isRefusal(there)) return there
      if (!there) return null
      const deleted = await runner.output('tmutil', ['deletelocalsnapshots', found], lockFd)
      if (isRefusal(deleted)) return deleted
      const left = await isThere(record)
      return isRefusal(left) ? left : left ? { reason: `the snapshot ${found} is still there after it was deleted` } : null
    },
  }
}

function removeEmptyDirectory({ path }: SnapshotRecord): void {
  const at = fromPathText(path.text, path.b64)
  try {
    rmdirSync(fsPath(at))
  } catch {
    // never made, or still mounted: the snapshot cannot be deleted then, and that is told
  }
  removeEmptyHolder(parentPath(at))
}

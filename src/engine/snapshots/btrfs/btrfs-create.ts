import { lstatSync } from 'node:fs'
import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { fromPathText, parentPath } from '../../../lib/byte-path.ts'
import { type HeldDirectory, holdDirectory, openHolder } from '../holder-directory.ts'
import { isRefusal, type Refusal } from '../snapshot-provider.ts'
import { type BtrfsTools, commandFailure, commandTimeoutMs, identify } from './btrfs-snapshot.ts'

/** What is opened before the first snapshot is made, so that between the snapshots there is nothing but the command. */
interface Ready {
  record: SnapshotRecord
  source: HeldDirectory
  holder: HeldDirectory
}

export async function createBtrfsSnapshots(records: readonly SnapshotRecord[], tools: BtrfsTools): Promise<(Record<string, string> | Refusal)[]> {
  using opened = new DisposableStack()
  const prepared = records.map((record) => prepare(record, tools, opened))
  const made: ((Ready & { failure: string | null }) | Refusal)[] = []
  for (const ready of prepared) made.push(isRefusal(ready) ? ready : { ...ready, failure: await create(ready, tools) })
  return made.map((outcome) => {
    if (isRefusal(outcome)) return outcome
    if (outcome.failure !== null) return { reason: outcome.failure }
    try {
      using snapshot = holdDirectory(Buffer.from(outcome.holder.at(outcome.record.name)))
      const { uuid, id } = identify(snapshot.fd, outcome.record, tools.ioctl)
      return { uuid, id }
    } catch (error) {
      return { reason: `the snapshot is not what was made: ${(error as Error).message}` }
    }
  })
}

function prepare(record: SnapshotRecord, { ioctl }: BtrfsTools, opened: DisposableStack): Ready | Refusal {
  try {
    const source = opened.use(holdDirectory(fromPathText(record.root.text, record.root.b64)))
    if (String(ioctl.subvolume(source.fd).id) !== record.facts['subvolume_id']) return { reason: `${record.root.text} is another subvolume now` }
    const holder = openHolder(parentPath(fromPathText(record.path.text, record.path.b64)))
    if (isRefusal(holder)) return holder
    opened.use(holder)
    if (lstatSync(holder.at(record.name), { throwIfNoEntry: false }) !== undefined) return { reason: `${record.path.text} is there already` }
    return { record, source, holder }
  } catch (error) {
    return { reason: `${record.root.text} cannot be opened: ${(error as Error).message}` }
  }
}

async function create({ record, source, holder }: Ready, { program, run, lockFd }: BtrfsTools): Promise<string | null> {
  const result = await run({
    file: program,
    args: ['subvolume', 'snapshot', '-r', '/proc/self/fd/4', `/proc/self/fd/5/${record.name}`],
    fds: [lockFd, source.fd, holder.fd],
    timeoutMs: commandTimeoutMs,
  })
  if (result.code === 0) return null
  if (result.stderr.includes('Text file busy')) return `an active swap file is in ${record.root.text}, and Btrfs freezes no subvolume with one`
  return commandFailure(`freeze ${record.root.text}`, result)
}

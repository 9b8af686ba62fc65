import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { SnapshotRecord } from '../../core/snapshot-lease.ts'
import { type BytePath, fsPath, fromPathText } from '../../lib/byte-path.ts'
import { isRefusal, type OpenSnapshot, type Refusal, type SnapshotProvider, type UnitPlace } from './snapshot-provider.ts'

/** Where a provider is put to the test: a directory of a unit it can freeze, which the cases fill with files of their own. */
export interface ContractPlace {
  readonly directory: BytePath
  readonly workDirectory: BytePath
  /** never used twice */
  nextRunId(): string
}

export interface SnapshotContractCase {
  readonly name: string
  run(provider: SnapshotProvider, place: ContractPlace): Promise<void>
}

/** What {@link SnapshotProvider} promises, as cases that can be run on any of them. Each throws when the promise is broken. */
export const snapshotContract: readonly SnapshotContractCase[] = [
  {
    name: 'looking changes nothing',
    async run(provider, place) {
      const before = namesIn(place.directory)
      const [first, second] = [await located(provider, place), await located(provider, place)]
      provider.plan(first.unit, request(place, place.nextRunId()))
      check(first.unit.key === second.unit.key && first.inside === second.inside, 'two looks see different units')
      check(String(before) === String(namesIn(place.directory)), 'the directory has other names after it was looked at')
      check(!existsSync(fsPath(first.unit.holder)), 'the holder is there before anything was made')
    },
  },
  {
    name: 'reads what was there when it was made',
    run: (provider, place) =>
      withSnapshot(provider, place, async ({ record, inside }) => {
        const snapshot = await opened(provider, record)
        const at = `${snapshot.root}${inside}`
        writeFileSync(fsPath(`${place.directory}/was`), 'after')
        writeFileSync(fsPath(`${place.directory}/came later`), '')
        check(readFileSync(fsPath(`${at}/was`), 'utf8') === 'before', 'a file was written after, and the snapshot shows it')
        check(!existsSync(fsPath(`${at}/came later`)), 'a file was made after, and the snapshot shows it')
        check((await snapshot.check()) === null, 'it is whole, and says it is not')
        await snapshot.close()
      }),
  },
  {
    name: 'keeps inode numbers and times',
    run: (provider, place) =>
      withSnapshot(provider, place, async ({ record, inside }) => {
        const snapshot = await opened(provider, record)
        const [live, frozen] = [`${place.directory}/was`, `${snapshot.root}${inside}/was`].map((at) => lstatSync(fsPath(at), { bigint: true }))
        await snapshot.close()
        check(live!.ino === frozen!.ino && live!.mtimeNs === frozen!.mtimeNs && live!.ctimeNs === frozen!.ctimeNs, 'the same file looks different')
      }),
  },
  {
    name: 'is removed, can be removed again, and leaves nothing',
    async run(provider, place) {
      const { record } = await made(provider, place)
      await gone(provider, record)
      await gone(provider, record)
      check(!existsSync(fsPath(pathOf(record))), 'its path is still there')
    },
  },
  {
    name: 'is removed when its run never learned that it was made',
    async run(provider, place) {
      const { record } = await made(provider, place)
      await gone(provider, { ...record, identity: null })
      check(!existsSync(fsPath(pathOf(record))), 'its path is still there')
    },
  },
  {
    name: 'was planned and never made: there is nothing to remove',
    async run(provider, place) {
      const { unit } = await located(provider, place)
      await gone(provider, provider.plan(unit, request(place, place.nextRunId())))
    },
  },
  {
    name: 'is left alone by the record of another one',
    run: (provider, place) =>
      withSnapshot(provider, place, async ({ record }) => {
        const other = await made(provider, place)
        const mixed = { ...record, identity: other.record.identity }
        check((await withLock((fd) => provider.remove(mixed, fd))) !== null, 'it was removed by the identity of another one')
        check(isRefusal(await provider.open(mixed)), 'it was opened by the identity of another one')
        await gone(provider, other.record)
        const snapshot = await opened(provider, record)
        check((await snapshot.check()) === null, 'removing another one has damaged it')
        await snapshot.close()
      }),
  },
  {
    name: 'says so when it is taken away while it is read',
    async run(provider, place) {
      const { record } = await made(provider, place)
      const snapshot = await opened(provider, record)
      await gone(provider, record)
      check((await snapshot.check()) !== null, 'it is gone, and says it is whole')
      await snapshot.close().catch(() => {})
    },
  },
  {
    name: 'two of one run are two',
    async run(provider, place) {
      const [first, second] = [await made(provider, place, 1), await made(provider, place, 2)]
      await gone(provider, first.record)
      const snapshot = await opened(provider, second.record)
      check((await snapshot.check()) === null, 'removing the first has damaged the second')
      await snapshot.close()
      await gone(provider, second.record)
    },
  },
]

async function located(provider: SnapshotProvider, place: ContractPlace): Promise<UnitPlace> {
  return granted(await provider.locate(place.directory, place.workDirectory))
}

async function made(provider: SnapshotProvider, place: ContractPlace, number = 1): Promise<{ record: SnapshotRecord; inside: BytePath }> {
  writeFileSync(fsPath(`${place.directory}/was`), 'before')
  const { unit, inside } = await located(provider, place)
  const planned = provider.plan(unit, { ...request(place, place.nextRunId()), number })
  const { made: outcomes } = await withLock((fd) => provider.create([planned], fd))
  return { record: { ...planned, identity: { ...granted(outcomes[0]!) } }, inside }
}

async function withSnapshot(
  provider: SnapshotProvider,
  place: ContractPlace,
  use: (snapshot: { record: SnapshotRecord; inside: BytePath }) => Promise<void>,
): Promise<void> {
  const snapshot = await made(provider, place)
  try {
    await use(snapshot)
  } finally {
    await gone(provider, snapshot.record)
  }
}

async function opened(provider: SnapshotProvider, record: SnapshotRecord): Promise<OpenSnapshot> {
  return granted(await provider.open(record))
}

async function gone(provider: SnapshotProvider, record: SnapshotRecord): Promise<void> {
  const refusal = await withLock((fd) => provider.remove(record, fd))
  check(refusal === null, `it is not removed: ${refusal?.reason ?? ''}`)
}

function request(place: ContractPlace, runId: string) {
  return { runId, number: 1, ownerToken: 'contract-of-snapshots', runDirectory: place.workDirectory }
}

function pathOf({ path }: SnapshotRecord): BytePath {
  return fromPathText(path.text, path.b64)
}

function namesIn(directory: BytePath): string[] {
  return readdirSync(fsPath(directory), { encoding: 'latin1' }).toSorted()
}

function granted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.reason}`)
  return answer
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/** A file to hold instead of a lease's lock. */
async function withLock<T>(use: (fd: number) => Promise<T>): Promise<T> {
  const fd = openSync('/dev/null', 'r')
  try {
    return await use(fd)
  } finally {
    closeSync(fd)
  }
}

import { closeSync, openSync, readFileSync } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../../../src/core/errors.ts'
import { compilePathRules } from '../../../src/core/path-rules.ts'
import { diffArtifacts } from '../../../src/engine/diff.ts'
import type { IndexedEntry } from '../../../src/engine/formats/index-entry.ts'
import { listArtifacts } from '../../../src/engine/list.ts'
import { readEntry } from '../../../src/engine/read-entry.ts'
import { restoreToTarget } from '../../../src/engine/restore-to-target.ts'
import { createDestination, type Destination } from '../../../src/engine/restoring/destination.ts'
import type { ConflictPolicy } from '../../../src/core/operation.ts'
import { selectEntries } from '../../../src/engine/selection.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import type { Body, Target } from '../../../src/engine/targets/target.ts'
import type { BytePath } from '../../../src/lib/byte-path.ts'
import { openRun, restoreRun, type StoredRun, verifyRun } from '../engine.ts'
import { forgedIdentity } from './forge-age.ts'
import { broken, type CaseOutcome, outcomeOf, type Timed } from './fuzz-reader.ts'
import { hostileNames } from './hostile-names.ts'
import { ordinaryEntries } from './ordinary-entries.ts'
import { trappedDestination } from './outside-tree.ts'
import type { Random } from './random.ts'

const signal = new AbortController().signal
const identities = [forgedIdentity]
/** Many times what an ordinary artifact holds. */
const mostRestoredBytes = 8 * 1024 * 1024
const policies: readonly ConflictPolicy[] = ['fail', 'fail', 'skip', 'overwrite', 'rename']

/** What is known of an artifact that was harmed. */
export interface HarmedRun {
  run: StoredRun
  /** whether the chain of hashes is right for what is stored */
  isSigned: boolean
  /** Of content that is only to be had through a link that leads out of the target: no file may come out with it. */
  outsideHash?: string
}

/** One that was left as it was made, with which the harmed ones are compared. @throws if it is not read to its end: then all that is refused says nothing */
export async function checkWhole(run: StoredRun): Promise<StoredRun> {
  const { ok, damaged } = await verifyRun(run, 'full', identities)
  if (!ok) throw broken('what is well made is read to its end', damaged)
  return run
}

/**
 * Has an artifact read every way there is: listed, shown, searched, compared, verified, restored to a directory and to a target.
 * @param whole another one, to be compared with · `folder` to be made, and gone afterwards
 * @throws whatever shows a fault
 */
export async function readArtifact(
  harmed: HarmedRun,
  { whole, folder, random, timed }: { whole: StoredRun; folder: string; random: Random; timed: Timed },
): Promise<CaseOutcome> {
  const { run, isSigned } = harmed
  await look(harmed, whole, random, timed)
  const verified = await outcomeOfVerify(run, random, timed)
  if (verified === 'read') await restoreWhole(run, `${folder}-whole`, isSigned, timed)
  await restoreAmongTraps(harmed, `${folder}-trapped`, random, timed)
  await restoreToMemory(harmed, random, timed)
  return verified
}

/** All that only looks. */
async function look(harmed: HarmedRun, other: StoredRun, random: Random, timed: Timed): Promise<void> {
  const { run } = harmed
  await timed(async () => {
    for await (const listed of listArtifacts(run.target, { signal })) {
      // As every listing says it.
      JSON.stringify(listed)
      new Date(listed.completed_at).toISOString()
    }
  })
  const paths: BytePath[] = [random.pick(hostileNames)]
  const rules = compilePathRules({ include: [], exclude: ['*a*'], roots: ['/'] })
  await timed(() =>
    outcomeOf(async () => {
      const index = await (await openRun(run, identities)).index()
      for (const directory of ['', 'dir', 'zzz']) for await (const entry of index.children(directory)) paths.push(entry.bytes)
      for await (const entries of index.scan()) for (const entry of entries) rules.decide(`/${entry.path}`, entry.kind === 'dir')
    }),
  )
  for (const file of ['large', 'hard link', random.pick(paths)]) await timed(() => outcomeOf(() => catFile(harmed, file)))
  await timed(() =>
    outcomeOf(async () => {
      for await (const difference of diffArtifacts(await openRun(run, identities), await openRun(other))) JSON.stringify(difference.entry)
    }),
  )
}

async function catFile({ run, outsideHash }: HarmedRun, file: BytePath): Promise<void> {
  const artifact = await openRun(run, identities)
  const hasher = new Blake3Hasher()
  await readEntry(artifact, file, {
    signal,
    take: (bytes) => {
      hasher.update(bytes)
    },
  })
  const entry = await (await artifact.index()).find(file)
  const hash = hasher.digest('hex')
  if (hash === outsideHash) throw broken('nothing is read through a link that leads out', file)
  if (entry?.kind === 'file' && entry.sparse !== true && hash !== entry.hash) throw broken('what is shown is what the index promises', file)
}

async function outcomeOfVerify(run: StoredRun, random: Random, timed: Timed): Promise<CaseOutcome> {
  await timed(() => outcomeOf(() => verifyRun(run, 'chain', identities)))
  let isWhole = false
  const outcome = await timed(() =>
    outcomeOf(async () => {
      const report = await verifyRun(run, random.chance(0.9) ? 'full' : 'sample', identities)
      isWhole = report.ok && report.level === 'full'
      if (report.ok !== (report.damaged.total === 0 && report.entries.checked === report.entries.expected))
        throw broken('a report agrees with itself', report)
    }),
  )
  return outcome === 'read' && !isWhole ? 'artifact_damaged' : outcome
}

/** What is said to be whole comes back whole where nothing is in its way. */
async function restoreWhole(run: StoredRun, folder: string, isSigned: boolean, timed: Timed): Promise<void> {
  using trapped = trappedDestination(folder, { isEmpty: true })
  const outcome = await timed(() =>
    outcomeOf(async () => {
      const report = await restoreRun(run, trapped.destination, { identities })
      if (report.damaged.total > 0) throw broken('what is said to be whole can be restored', report.damaged.sample)
    }),
  )
  trapped.check({ mayReplace: false })
  if (outcome === 'artifact_damaged') throw broken('what is said to be whole can be restored')
  if (outcome === 'read') await checkContents(run, trapped.destination)
  if (!isSigned) checkOrdinary(trapped.destination)
}

async function restoreAmongTraps({ run, outsideHash }: HarmedRun, folder: string, random: Random, timed: Timed): Promise<void> {
  const conflict = random.pick(policies)
  const only = random.chance(0.8) ? [] : [random.pick(['/dir', '/hard link', '/link', '/p', '*a*'])]
  using trapped = trappedDestination(folder, { isEmpty: random.chance(0.2) })
  await timed(() => outcomeOf(() => restoreRun(run, trapped.destination, { identities, conflict, only, damaged: random.chance(0.5) })))
  trapped.check({ mayReplace: conflict === 'overwrite' })
  if (outsideHash !== undefined) await outcomeOf(() => checkNothingFromOutside(run, trapped.destination, outsideHash))
}

/** As objects, none of them below another place than its own. */
async function restoreToMemory({ run, outsideHash }: HarmedRun, random: Random, timed: Timed): Promise<void> {
  const memory = createMemoryTarget()
  const conflict = random.pick(policies)
  let leftBytes = mostRestoredBytes
  const destination: Target = {
    ...memory,
    // Zeros of a hole that the manifest promises are not written on without end.
    put: (key, body, options) => memory.put(key, bounded(body), options),
  }
  async function* bounded(body: Body): AsyncGenerator<Uint8Array> {
    for await (const chunk of body instanceof Uint8Array ? [body] : body) {
      leftBytes -= chunk.byteLength
      if (leftBytes < 0) throw new BastionError('target_full', 'no more is kept here')
      yield chunk
    }
  }
  await timed(() =>
    outcomeOf(async () =>
      restoreToTarget({
        artifact: await openRun(run, identities),
        destination,
        selection: selectEntries([]),
        conflict,
        damaged: random.chance(0.5),
        clock: { now: () => 0 },
        signal,
        onProgress: () => {},
      }),
    ),
  )
  for await (const { key } of memory.list('', { recursive: true })) {
    if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) throw broken('no object stands elsewhere', key)
    const hasher = new Blake3Hasher()
    for await (const chunk of await memory.get(key)) hasher.update(chunk)
    if (hasher.digest('hex') === outsideHash) throw broken('nothing is restored through a link that leads out', key)
  }
}

async function checkNothingFromOutside(run: StoredRun, destination: string, outsideHash: string): Promise<void> {
  await forEachFile(run, destination, (entry, content) => {
    if (blake3Of(content) === outsideHash) throw broken('nothing is restored through a link that leads out', entry.bytes)
  })
}

/** Each file has the bytes its line promises; of one with holes the hash is that of its map and data. */
async function checkContents(run: StoredRun, destination: string): Promise<void> {
  const { format } = (await openRun(run, identities)).manifest.pipeline
  await forEachFile(run, destination, ({ bytes, hash, sparse }, content) => {
    if (format === 'archive_v1' && sparse === true) return
    if (blake3Of(content) !== hash) throw broken('a file is what its line promises', bytes)
  })
}

/** The files of the index that stand where they belong, as far as they can be looked at. */
async function forEachFile(run: StoredRun, destination: string, see: (entry: IndexedEntry, content: Buffer) => void): Promise<void> {
  const index = await (await openRun(run, identities)).index()
  const fd = openSync(destination, 'r')
  try {
    using tree = createDestination(fd)
    for await (const entries of index.scan()) {
      for (const entry of entries) {
        const { bytes, kind, size = 0 } = entry
        const isTooLong = bytes.split('/').some((name) => name.length > 255)
        if (kind !== 'file' || size > mostRestoredBytes || isTooLong || isFileAt(tree, bytes) !== true) continue
        const { directory, name } = tree.parentOf(bytes)
        see(entry, readFileSync(directory.at(name)))
      }
    }
  } finally {
    closeSync(fd)
  }
}

/** `null` behind a link. */
function isFileAt(tree: Destination, path: BytePath): boolean | null {
  try {
    return tree.lookAt(path)?.isFile() === true
  } catch {
    return null
  }
}

/** What was stored at first, for an artifact whose chain of hashes was not made anew. */
function checkOrdinary(destination: string): void {
  for (const { path: name, kind, content, line } of ordinaryEntries()) {
    if (kind !== 'file' || line?.['sparse'] === true) continue
    const file = Buffer.from(`${destination}/${name}`, 'latin1')
    if (!readFileSync(file).equals(Buffer.from(content ?? ''))) throw broken('what is said to be whole is what was stored', name)
  }
}

function blake3Of(bytes: Uint8Array): string {
  return new Blake3Hasher().update(bytes).digest('hex')
}

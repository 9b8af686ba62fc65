import { closeSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { compilePathRules } from '../../../src/core/path-rules.ts'
import { diffArtifacts } from '../../../src/engine/diff.ts'
import { listArtifacts } from '../../../src/engine/list.ts'
import { readEntry } from '../../../src/engine/read-entry.ts'
import type { ConflictPolicy } from '../../../src/engine/restoring/extract-protocol.ts'
import { createDestination } from '../../../src/engine/restoring/destination.ts'
import type { BytePath } from '../../../src/lib/byte-path.ts'
import { openRun, restoreRun, type StoredRun, verifyRun } from '../engine.ts'
import { workFolder } from '../work-folder.ts'
import { anArtifact, forgeObjects, storeForged } from './forge-artifact.ts'
import { forgedIdentity } from './forge-age.ts'
import { broken, type CaseOutcome, type FuzzReader, outcomeOf, type Timed } from './fuzz-reader.ts'
import { harmArtifact } from './harm-artifact.ts'
import { hostileNames } from './hostile-names.ts'
import { ordinaryEntries } from './ordinary-entries.ts'
import { trappedDestination } from './outside-tree.ts'
import type { Random } from './random.ts'

const signal = new AbortController().signal
const identities = [forgedIdentity]
const policies: readonly ConflictPolicy[] = ['fail', 'fail', 'skip', 'overwrite', 'rename']

/** Artifacts with anything harmed, chain of hashes included or not, through all that reads them. */
export async function openArtifactReader(): Promise<FuzzReader> {
  const work = await workFolder()
  const whole = await storeForged(forgeObjects(anArtifact(ordinaryEntries())))
  let count = 0
  return {
    async run(random, timed) {
      const encrypted = random.chance(0.3)
      const { objects, isSigned } = harmArtifact(anArtifact(ordinaryEntries(), { encrypted }), random)
      const run = await storeForged(objects)
      await look(run, whole, random, timed)
      const verified = await outcomeOfVerify(run, random, timed)
      if (verified === 'read') await restoreWhole(run, path.join(work.path, String(++count)), isSigned, timed)
      await restoreAmongTraps(run, path.join(work.path, String(++count)), random, timed)
      return verified
    },
    [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
  }
}

/** All that only looks. */
async function look(run: StoredRun, other: StoredRun, random: Random, timed: Timed): Promise<void> {
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
  for (const file of ['large', 'hard link', random.pick(paths)]) await timed(() => outcomeOf(() => catFile(run, file)))
  await timed(() =>
    outcomeOf(async () => {
      for await (const difference of diffArtifacts(await openRun(run, identities), await openRun(other))) JSON.stringify(difference.entry)
    }),
  )
}

async function catFile(run: StoredRun, file: BytePath): Promise<void> {
  const artifact = await openRun(run, identities)
  const hasher = new Blake3Hasher()
  await readEntry(artifact, file, {
    signal,
    take: (bytes) => {
      hasher.update(bytes)
    },
  })
  const entry = await (await artifact.index()).find(file)
  if (entry?.kind === 'file' && entry.sparse !== true && hasher.digest('hex') !== entry.hash)
    throw broken('what is shown is what the index promises', file)
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

async function restoreAmongTraps(run: StoredRun, folder: string, random: Random, timed: Timed): Promise<void> {
  const conflict = random.pick(policies)
  const only = random.chance(0.8) ? [] : [random.pick(['/dir', '/hard link', '/link', '/p', '*a*'])]
  using trapped = trappedDestination(folder, { isEmpty: random.chance(0.2) })
  await timed(() => outcomeOf(() => restoreRun(run, trapped.destination, { identities, conflict, only, damaged: random.chance(0.5) })))
  trapped.check({ mayReplace: conflict === 'overwrite' })
}

/** Each file has the bytes its line promises; of one with holes the hash is that of its map and data. */
async function checkContents(run: StoredRun, destination: string): Promise<void> {
  const index = await (await openRun(run, identities)).index()
  const fd = openSync(destination, 'r')
  try {
    using tree = createDestination(fd)
    for await (const entries of index.scan()) {
      for (const { bytes, kind, hash, sparse } of entries) {
        const isTooLong = bytes.split('/').some((name) => name.length > 255)
        if (kind !== 'file' || sparse === true || isTooLong || tree.lookAt(bytes)?.isFile() !== true) continue
        const { directory, name } = tree.parentOf(bytes)
        if (new Blake3Hasher().update(readFileSync(directory.at(name))).digest('hex') !== hash)
          throw broken('a file is what its line promises', bytes)
      }
    }
  } finally {
    closeSync(fd)
  }
}

/** What was stored at first, for an artifact whose chain of hashes was not made anew. */
function checkOrdinary(destination: string): void {
  for (const { path: name, kind, content, member } of ordinaryEntries()) {
    if (kind !== 'file' || member?.sparse !== undefined) continue
    const file = Buffer.from(`${destination}/${name}`, 'latin1')
    if (!readFileSync(file).equals(Buffer.from(content ?? ''))) throw broken('what is said to be whole is what was stored', name)
  }
}

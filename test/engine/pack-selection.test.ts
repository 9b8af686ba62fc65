import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openArtifact } from '../../src/engine/open-artifact.ts'
import { packSelection } from '../../src/engine/pack-selection.ts'
import { selectEntries } from '../../src/engine/selection.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { isRoot } from '../support/as-user.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { below, type BackupRun, runBackup, runStock } from '../support/engine.ts'
import { everythingTree } from '../support/everything-tree.ts'
import { sourceTree } from '../support/source-tree.ts'
import { workFolder } from '../support/work-folder.ts'

let work: Awaited<ReturnType<typeof workFolder>>
let count = 0
beforeAll(async () => void (work = await workFolder()))
afterAll(() => work[Symbol.asyncDispose]())

const key = generateAgeKeyPair()
const folder = () => path.join(work.path, String(++count))

async function packed({ target, ref }: BackupRun, only: string[] = []): Promise<Buffer> {
  const { signal } = new AbortController()
  const artifact = await openArtifact(target, ref, { identities: [key.identity], signal })
  const chunks: Uint8Array[] = []
  let begun = 0
  await packSelection(artifact, {
    selection: selectEntries(only),
    onBegin: () => void (begun += 1),
    write: async (bytes) => void chunks.push(bytes),
    signal,
  }).catch((error: unknown) => {
    throw Object.assign(error as Error, { given: Buffer.concat(chunks) })
  })
  expect(begun).toBe(1)
  return Buffer.concat(chunks)
}

/** Unpacked by tar itself. */
function unpacked(tar: Buffer): string {
  const at = folder()
  mkdirSync(at)
  writeFileSync(`${at}.tar`, tar)
  runStock(`tar -x -p --delay-directory-restore --xattrs --xattrs-include='*' ${isRoot ? '--same-owner --numeric-owner' : ''} -f ${at}.tar`, {
    cwd: at,
  })
  return at
}

test.each([
  ['archive_v1', false],
  ['archive_v1', true],
  ['raw_tree_v1', false],
] as const)('everything of %s, encrypted: %s, is a tar file that tar unpacks without a difference', async (format, encrypted) => {
  const source = everythingTree(folder(), { asRoot: isRoot }).root
  const run = await runBackup({
    target: createLocalDirTarget({ path: folder() }),
    sources: [source],
    spec: { hardlink_policy: 'keep' },
    pipeline: { format, recipients: encrypted ? [key.recipient] : [] },
  })
  // A tar file has zeros where a file had holes, and no sockets.
  expect(compareTrees(source, below(unpacked(await packed(run)), source), { ignore: ['data'] })).toEqual([])
})

test('a name of a file whose first name was not selected comes with its content, and names that come together stay one file', async () => {
  const source = sourceTree(folder()).file('a', 'shared').link('b', 'a').link('c', 'a').file('other', 'x').finish()
  const run = await runBackup({ target: createLocalDirTarget({ path: folder() }), sources: [source.root] })
  const at = below(unpacked(await packed(run, [`${source.root}/b`])), source.root)
  expect(readFileSync(path.join(at, 'b'), 'utf8')).toBe('shared')
  const both = below(unpacked(await packed(run, [`${source.root}/a`, `${source.root}/c`])), source.root)
  expect(readdirSync(both)).toEqual(['a', 'c'])
  expect(statSync(path.join(both, 'c')).ino).toBe(statSync(path.join(both, 'a')).ino)
})

test('nothing that was selected is an error, and not an empty file', async () => {
  const source = sourceTree(folder()).file('a', 'x').finish()
  const run = await runBackup({ target: createLocalDirTarget({ path: folder() }), sources: [source.root] })
  await expect(packed(run, ['*.absent'])).rejects.toMatchObject({ code: 'entry_not_found' })
})

test('a damaged file ends it before its last bytes, so that tar does not take it for whole', async () => {
  const source = sourceTree(folder()).file('a', 'whole').file('large', 3_000_000).finish()
  const targetPath = folder()
  const run = await runBackup({ target: createLocalDirTarget({ path: targetPath }), sources: [source.root], pipeline: { format: 'raw_tree_v1' } })
  const object = path.join(targetPath, run.ref.jobId, run.ref.runId, 'data', source.root, 'large')
  const bytes = readFileSync(object)
  bytes[1_500_000]! ^= 1
  writeFileSync(object, bytes)
  const error = (await packed(run).catch((caught: unknown) => caught)) as Error & { code: string; given: Buffer }
  expect(error.code).toBe('artifact_damaged')
  const at = folder()
  writeFileSync(at, error.given)
  expect(() => runStock(`tar -t -f ${at}`, { cwd: work.path })).toThrow('tar -t')
})

import path from 'node:path'
import { expect, test } from 'vitest'
import { objectNames } from '../../src/core/artifact.ts'
import { artifactOf, bastion } from '../support/bastion-process.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import { pathsOf, readTrace, type SystemCall, whyNoStrace } from '../support/strace.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const skipReason = await whyNoStrace()

test('everything is durable before the marker gets its name, and the marker before the program says so', async ({ skip }) => {
  skip(skipReason !== undefined, skipReason)
  await using folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  const target = path.join(folder.path, 'target')
  const trace = path.join(folder.path, 'trace')
  writeManyFiles(source, { count: 20, perDirectory: 10, sizeBytes: () => 1000 })
  writeSampleFile(path.join(source, 'large.bin'), 5 * 2 ** 20)

  const names = 'rename,renameat,renameat2,link,linkat,fsync,fdatasync,syncfs,write'
  const under = ['strace', '-f', '-y', '-o', trace, '-s', '200', '-e', `trace=${names}`]
  const args = ['backup', source, '--to', target, '--job-id', 'order', '--part-size', '1', '--data-dir', path.join(folder.path, 'data')]
  const runDirectory = path.join(target, artifactOf(await bastion([...args, '--snapshot', 'off', '--json'], { under })))
  const calls = readTrace(trace).filter((call) => call.succeeded)

  const renames = calls.filter((call) => call.name.startsWith('rename') && pathsOf(call).at(-1)!.startsWith(`${target}/`))
  const nameOf = (call: SystemCall) => path.basename(pathsOf(call).at(-1)!)
  const marker = renames.find((call) => nameOf(call) === objectNames.complete)!
  const others = renames.filter((call) => call !== marker)
  expect(others.map(nameOf)).toEqual(
    expect.arrayContaining([
      objectNames.run,
      'payload.part000001',
      'payload.part000006',
      objectNames.index,
      objectNames.manifest,
      objectNames.restoreNotes,
    ]),
  )
  expect(nameOf(others[0]!), 'the first object').toBe(objectNames.run)
  expect(others.filter((call) => call.endedAt > marker.startedAt).map(nameOf), 'named after the marker').toEqual([])

  const syncs = calls.filter(({ name }) => name.endsWith('sync') || name === 'syncfs')
  const isSynced = (what: string, from: number, until: number) =>
    syncs.some((call) => call.name !== 'syncfs' && pathsOf(call)[0] === what && call.startedAt > from && call.endedAt < until)
  for (const call of renames) {
    const [temporary] = pathsOf(call)
    expect(isSynced(temporary!, -1, call.startedAt), `the bytes of ${nameOf(call)} are flushed before it gets its name`).toBe(true)
  }
  const lastOther = Math.max(...others.map((call) => call.endedAt))
  const isFilesystemSynced = (from: number, until: number) =>
    syncs.some((call) => call.name === 'syncfs' && pathsOf(call)[0]!.startsWith(target) && call.startedAt > from && call.endedAt < until)
  expect(isSynced(runDirectory, lastOther, marker.startedAt), 'the names of all others are flushed before the marker').toBe(true)
  expect(isFilesystemSynced(lastOther, marker.startedAt), 'syncfs comes between all others and the marker').toBe(true)

  const said = calls.find(({ name, args: text }) => name === 'write' && text.includes('"kind\\":\\"complete'))!
  expect(isSynced(runDirectory, marker.endedAt, said.startedAt), "the marker's name is flushed before the program says it is complete").toBe(true)
  for (const directory of [runDirectory, path.dirname(runDirectory), target]) {
    const flushed = isSynced(directory, marker.endedAt, said.startedAt) || isFilesystemSynced(marker.endedAt, said.startedAt)
    expect(flushed, `${directory} is flushed after the marker got its name`).toBe(true)
  }
})

test('the files of a tree are durable before its marker begins to be written', async ({ skip }) => {
  skip(skipReason !== undefined, skipReason)
  await using folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  const target = path.join(folder.path, 'target')
  const trace = path.join(folder.path, 'trace')
  writeManyFiles(source, { count: 20, perDirectory: 10, sizeBytes: () => 1000 })
  writeSampleFile(path.join(source, 'large.bin'), 5 * 2 ** 20)

  const under = ['strace', '-f', '-y', '-o', trace, '-s', '200', '-e', 'trace=pwrite64,pwritev,fchown,fchmod,utimensat,rename,syncfs']
  const args = ['backup', source, '--to', target, '--job-id', 'order', '--format', 'raw_tree_v1', '--data-dir', path.join(folder.path, 'data')]
  const runDirectory = path.join(target, artifactOf(await bastion([...args, '--snapshot', 'off', '--json'], { under })))
  const calls = readTrace(trace).filter((call) => call.succeeded)

  const inTree = calls.filter((call) => pathsOf(call).some((name) => name.startsWith(`${runDirectory}/data/`)))
  expect(inTree.filter(({ name }) => name.startsWith('pwrite')).length).toBeGreaterThan(20)
  const marker = calls.find((call) => pathsOf(call)[0]?.includes(`/.${objectNames.complete}.`) === true)!
  const lastInTree = Math.max(...inTree.map((call) => call.endedAt))
  expect(
    calls.some(({ name, startedAt, endedAt }) => name === 'syncfs' && startedAt > lastInTree && endedAt < marker.startedAt),
    'syncfs comes between the last change of the tree and the first of the marker',
  ).toBe(true)
})

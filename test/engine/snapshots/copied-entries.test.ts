import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { filesystemSourceSchema } from '../../../src/core/filesystem-source.ts'
import { copiedEntries } from '../../../src/engine/snapshots/copied-entries.ts'
import { createFrozenView } from '../../../src/engine/snapshots/frozen-view.ts'
import { prepareFilesystemSource } from '../../../src/engine/sources/filesystem/filesystem-source.ts'
import { fsPath } from '../../../src/lib/byte-path.ts'
import { sourceTree } from '../../support/source-tree.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test.for([undefined, 2, 0])('all names of a file have one copy, also when only %s of them are held in memory', async (maxInMemory) => {
  await using folder = await temporaryFolder()
  await using copies = await temporaryFolder()
  await using spills = await temporaryFolder()
  const tree = sourceTree(path.join(folder.path, 'source'))
  for (let i = 0; i < 9; i++) tree.file(`a/${i}`, `content ${i}`).link(`b/${i}`, `a/${i}`).link(`c/${i}`, `a/${i}`)
  const { root } = tree.finish()
  let count = 0
  const copyFile = (live: string) => {
    const copy = path.join(copies.path, String(++count))
    copyFileSync(fsPath(live), copy)
    return copy
  }
  const view = createFrozenView([{ logical: root, real: root, frozen: null, copyFile }])
  await using source = prepareFilesystemSource(filesystemSourceSchema.parse({ type: 'filesystem', paths: [root] }), { ownDirectories: [], view })
  const options = { isRequired: true, spillDirectory: spills.path, ...(maxInMemory === undefined ? {} : { maxInMemory }) }
  const contents = new Map<string, Set<string>>()
  for (const item of copiedEntries(source.entries(), view, options)) {
    if (item instanceof Promise) throw new Error('nothing here takes its time')
    if ('problem' in item) throw item.problem.error
    const { kind, frozen, physical, linkId = '' } = item.entry
    if (kind !== 'file') continue
    expect(frozen).toBe('per_file')
    contents.set(linkId, (contents.get(linkId) ?? new Set()).add(readFileSync(physical, 'utf8')))
  }
  expect(count).toBe(9)
  expect([...contents.values()].flatMap((of) => [...of]).toSorted()).toEqual(Array.from({ length: 9 }, (_, i) => `content ${i}`))
  expect(readdirSync(spills.path)).toEqual([])
})

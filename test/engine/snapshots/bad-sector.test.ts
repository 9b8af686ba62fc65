import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import type { PipelineSpec } from '../../../src/core/pipeline-spec.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { type BackupOptions, entriesBelow, objectsOf, runBackup, testJobId } from '../../support/engine.ts'
import { btrfs, type LoopFilesystem, loopFilesystem, subvolumesOf, whyNoLoop } from '../../support/loop-filesystem.ts'
import { servicesFor } from '../../support/snapshot-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const why = await whyNoLoop('btrfs')

describe.skipIf(why !== undefined)(`a bad sector in what is frozen${why === undefined ? '' : `: ${why}`}`, () => {
  let disk: LoopFilesystem
  let data: Awaited<ReturnType<typeof temporaryFolder>>
  let source: string
  let count = 0

  beforeAll(async () => {
    data = await temporaryFolder()
    disk = await loopFilesystem('btrfs', { sizeBytes: 128 * 2 ** 20 })
    source = path.join(disk.path, 'source')
    await btrfs('subvolume', 'create', source)
    const contents = { 'a good': 30_000, 'bad large': 300_000, 'bad small': 16_384, 'z good': 10 }
    const bad: Buffer[] = []
    for (const [name, sizeBytes] of Object.entries(contents)) {
      const content = randomBytes(sizeBytes)
      writeFileSync(path.join(source, name), content)
      if (name.startsWith('bad')) bad.push(content.subarray(sizeBytes / 2, sizeBytes / 2 + 1000))
    }
    // Bytes that are not those the filesystem has a checksum of: it gives an error of the disk instead of them.
    await disk.unmount()
    const image = readFileSync(disk.image)
    for (const piece of bad) image.fill('not what was written', image.indexOf(piece), image.indexOf(piece) + piece.length)
    writeFileSync(disk.image, image)
    await disk.mount()
    expect(() => readFileSync(path.join(source, 'bad small'))).toThrow('EIO')
  })
  afterAll(async () => {
    const left = await subvolumesOf(disk)
    await disk[Symbol.asyncDispose]()
    await data[Symbol.asyncDispose]()
    expect(left).toEqual(['source'])
  })

  const freeze = (target: Target, format: PipelineSpec['format'], spec: BackupOptions['spec']) =>
    runBackup({
      target,
      sources: [source],
      snapshots: servicesFor(data.path),
      pipeline: { format },
      spec: { snapshot_mode: 'required', ...spec },
    })

  const places: { name: string; format: PipelineSpec['format']; target: () => Target }[] = [
    { name: 'an archive', format: 'archive_v1', target: () => createMemoryTarget() },
    { name: 'objects', format: 'raw_tree_v1', target: () => createMemoryTarget() },
    { name: 'a tree', format: 'raw_tree_v1', target: () => createLocalDirTarget({ path: path.join(data.path, `target${++count}`) }) },
    {
      name: 'a tree of references to the same blocks',
      format: 'raw_tree_v1',
      target: () => createLocalDirTarget({ path: path.join(disk.path, `target${++count}`) }),
    },
  ]

  test.for(places)('is an unreadable file that is left out or filled up, named, and a warning: $name', async ({ format, target }) => {
    const to = target()
    const run = await freeze(to, format, { error_policy: 'skip_ok' })
    expect(run.outcome).toMatchObject({ status: 'warning', summary: { grade: 'torn', filesystem: { consistency: { read_error_total: 2 } } } })
    const inSource = (name: string) => path.join(source, name).slice(1)
    expect(run.outcome.issues.sample.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: inSource('bad large'), code: 'EIO', message: expect.stringContaining('EIO') },
      { path: inSource('bad small'), code: 'EIO', message: expect.stringContaining('EIO') },
    ])
    const entries = await entriesBelow(run, source.slice(1))
    expect([...entries.keys()]).toEqual(['', '/a good', '/bad large', '/z good'])
    expect(entries.get('/bad large')).toMatchObject({ grade: 'torn', flags: ['read_error'], size: 300_000 })
    expect(entries.get('/a good')).toMatchObject({ grade: 'atomic_volume' })
    await to.close()
  })

  test.for(places)('fails a run that is to stop at it, with its name and nothing stored: $name', async ({ format, target }) => {
    const to = target()
    const error = await freeze(to, format, { error_policy: 'fail_fast' }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BastionError)
    expect(error).toMatchObject({ code: 'issues', message: expect.stringMatching(/\/bad (?:large|small) could not be read: EIO/) })
    expect([...(await objectsOf(to, testJobId)).keys()]).toEqual([])
    await to.close()
  })
})

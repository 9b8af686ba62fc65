import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { filesystemSourceSchema } from '../../src/core/filesystem-source.ts'
import { uuidv7 } from '../../src/core/ids.ts'
import { freezeSource } from '../../src/engine/snapshots/freeze-source.ts'
import { btrfs, loopFilesystem, subvolumesOf, whyNoLoop } from '../support/loop-filesystem.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { writeManyFiles } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { leaseFiles, servicesFor } from '../support/snapshot-case.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'A source snapshot costs little more than the btrfs command, and nothing is left of it'

/** Btrfs on a loop device, quiet: the bare commands and a whole freeze (find units, lease, create, open, map; remove) in turns. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const why = await whyNoLoop('btrfs')
  if (why !== undefined) return report.line(`Not shown here: ${why}.`)
  const rounds = scale === 'full' ? 50 : 3
  await using disk = await loopFilesystem('btrfs')
  await using data = await temporaryFolder()
  const source = path.join(disk.path, 'source')
  await btrfs('subvolume', 'create', source)
  writeManyFiles(path.join(source, 'files'), { count: 200, perDirectory: 50, sizeBytes: () => 2_000 })
  await btrfs('subvolume', 'create', path.join(source, 'nested'))
  mkdirSync(path.join(disk.path, 'bare'))
  const before = await subvolumesOf(disk)

  const times = { bareCreate: [] as number[], bareRemove: [] as number[], freeze: [] as number[], release: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const copies = [path.join(disk.path, 'bare/1'), path.join(disk.path, 'bare/2')] as const
    times.bareCreate.push(
      await milliseconds(async () => {
        await btrfs('subvolume', 'snapshot', '-r', source, copies[0])
        await btrfs('subvolume', 'snapshot', '-r', path.join(source, 'nested'), copies[1])
      }),
    )
    times.bareRemove.push(
      await milliseconds(async () => {
        for (const copy of copies) await btrfs('subvolume', 'delete', '--commit-after', copy)
      }),
    )
    const spec = filesystemSourceSchema.parse({ type: 'filesystem', paths: [source], snapshot_mode: 'required' })
    const services = servicesFor(data.path)
    const run = {
      runId: uuidv7(Date.now(), randomBytes(10)),
      runDirectory: data.path,
      ownDirectories: [data.path],
      clock: { now: Date.now },
      emit: () => {},
    }
    let frozen: Awaited<ReturnType<typeof freezeSource>> | undefined
    times.freeze.push(await milliseconds(async () => void (frozen = await freezeSource(spec, services, run))))
    if (frozen!.summary.units?.length !== 2) throw new Error('not both subvolumes were frozen')
    times.release.push(await milliseconds(() => frozen!.release()))
  }
  const [bareCreate, bareRemove, freeze, release] = [times.bareCreate, times.bareRemove, times.freeze, times.release].map(median) as [
    number,
    number,
    number,
    number,
  ]
  report.table(
    ['two subvolumes, median', 'bare command, ms', 'Bastion, ms', 'ratio'],
    [
      ['create (Bastion: find, lease, create, open, map)', bareCreate, freeze, round2(freeze / bareCreate)],
      ['remove and commit', bareRemove, release, round2(release / bareRemove)],
    ],
  )
  // Time is what a machine has just then: the short form, which runs with all tests, shows it and does not judge.
  if (scale === 'full') report.check('find, create, open and map together take less than 300 ms', freeze < 300, `${freeze} ms`)
  report.check(`after ${rounds} rounds no subvolume of ours is left`, String(await subvolumesOf(disk)) === String(before))
  report.check('and no lease', readdirSync(leaseFiles(data.path)).length === 0)
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function median(values: readonly number[]): number {
  return round2(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0)
}

function round2(value: number): number {
  return Math.round(value * 100) / 100
}

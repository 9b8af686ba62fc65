import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { btrfs, loopFilesystem, subvolumesOf, whyNoLoop } from '../support/loop-filesystem.ts'
import { nodeCase, slowly, soon } from '../support/node-case.ts'
import { writeSampleFile } from '../support/sample-files.ts'

const why = await whyNoLoop('btrfs')

describe.skipIf(why !== undefined)(`a run that freezes its source${why === undefined ? '' : `: ${why}`}`, () => {
  test('does so only where its node allows it, and leaves nothing', async () => {
    await using disk = await loopFilesystem('btrfs')
    const source = path.join(disk.path, 'source')
    await btrfs('subvolume', 'create', source)
    writeSampleFile(path.join(source, 'file'), 2 ** 20)
    await using node = await nodeCase()
    const plan = () => {
      const made = node.plan()
      return { ...made, source: { ...made.source, paths: [source], snapshot_mode: 'required' as const } }
    }
    {
      await using closed = node.start()
      const refused = plan()
      closed.send(node.offer(refused))
      expect((await closed.next('run.finished')).outcome).toMatchObject({ status: 'failed', error: { code: 'snapshot_unavailable' } })
    }
    await using open = node.start({ snapshotRoots: [disk.path] })
    const allowed = plan()
    open.send(node.offer(allowed))
    const { outcome, last_seq } = await open.next('run.finished', ({ run_id }) => run_id === allowed.run_id)
    expect(outcome).toMatchObject({ status: 'success', artifact: { grade: 'atomic_volume' } })
    expect(await subvolumesOf(disk)).toEqual(['source'])
    open.send({ type: 'run.ack', run_id: allowed.run_id, seq: last_seq, ended: true })
    await soon(() => (existsSync(node.at(allowed.run_id)) ? undefined : true))
  })

  test('and is killed, leaves a snapshot that the next executor removes when it starts', async () => {
    await using disk = await loopFilesystem('btrfs')
    const source = path.join(disk.path, 'source')
    await btrfs('subvolume', 'create', source)
    writeSampleFile(path.join(source, 'file'), 16 * 2 ** 20)
    await using node = await nodeCase()
    const made = node.plan()
    const plan = {
      ...made,
      source: { ...made.source, paths: [source], snapshot_mode: 'required' as const },
      pipeline: { ...made.pipeline, ...slowly },
    }
    const first = node.start({ snapshotRoots: [disk.path] })
    first.send(node.offer(plan))
    await first.next('run.events', ({ events }) => events.some(({ kind }) => kind === 'part_stored'))
    expect((await subvolumesOf(disk)).length).toBe(2)
    const pid = await node.runnerPid(plan.run_id)
    await first.kill()
    process.kill(pid, 'SIGKILL')
    await node.runnerIsGone(plan.run_id)
    await using second = node.start({ snapshotRoots: [disk.path] })
    expect((await second.next('run.finished')).outcome).toMatchObject({ error: { code: 'interrupted' } })
    const leases = path.join(node.dataDir, 'leases')
    await soon(() => (readdirSync(leases).some((name) => name.endsWith('.json')) ? undefined : true))
    expect(await subvolumesOf(disk)).toEqual(['source'])
  })
})

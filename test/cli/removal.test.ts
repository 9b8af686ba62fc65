import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { bastion, jsonLines } from '../support/bastion-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

async function backedUp() {
  const folder = await temporaryFolder()
  const at = (...names: string[]) => path.join(folder.path, ...names)
  mkdirSync(at('source'))
  writeFileSync(at('source', 'a'), 'a')
  const data = ['--data-dir', at('data')]
  const backup = async () => {
    const { stdout } = await bastion(['backup', at('source'), '--to', at('target'), '--job-id', 'docs', '--json', ...data])
    return String(jsonLines(stdout).find(({ kind }) => kind === 'result')!['artifact'])
  }
  return { at, data, names: [await backup(), await backup()] as const, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

test('an artifact is deleted when one says so, and nothing beside it', async () => {
  await using place = await backedUp()
  const { at, data, names } = place
  const artifact = at('target', names[0])
  const asked = await bastion(['delete', artifact, ...data], { codes: [2] })
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes.') })
  const latest = await bastion(['delete', at('target', 'docs@latest'), '--yes', ...data], { codes: [2] })
  expect(latest).toMatchObject({ code: 2, stderr: expect.stringContaining('named by its run') })
  expect(readdirSync(at('target', 'docs'))).toHaveLength(2)
  const { code, stdout } = await bastion(['delete', artifact, '--yes', '--json', ...data])
  expect(code).toBe(0)
  expect(jsonLines(stdout)).toEqual([{ artifact: names[0], result: 'removed', objects: 6, bytes: expect.any(Number) }])
  expect(readdirSync(at('target', 'docs')).map((run) => `docs/${run}`)).toEqual([names[1]])
  expect(await bastion(['delete', artifact, '--yes', ...data], { codes: [1] })).toMatchObject({ code: 1, stderr: expect.stringContaining('has no') })
})

test('what a Hub has stored, and what lies on another disk, stays', async () => {
  await using place = await backedUp()
  const { at, data, names } = place
  const marker = at('target', names[0], 'run.json')
  writeFileSync(marker, readFileSync(marker, 'utf8').replace('"cli"', '"a-hub"'))
  const artifact = at('target', names[0])
  expect(await bastion(['delete', artifact, '--yes', ...data], { codes: [1] })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('another Hub'),
  })
  expect(await bastion(['delete', artifact, '--yes', '--force', ...data])).toMatchObject({ code: 0 })
  writeFileSync(at('target', 'bastion-target.json'), '{"v":1,"target_id":"another","created_at":1}')
  expect(await bastion(['delete', at('target', names[1]), '--yes', ...data], { codes: [1] })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('another'),
  })
  expect(readdirSync(at('target', names[1])).length).toBe(6)
})

test('what killed backups have left goes when it is old, and only that', async () => {
  await using place = await backedUp()
  const { at, data, names } = place
  rmSync(at('target', names[0], 'complete.json'))
  const cleanup = async () => jsonLines((await bastion(['cleanup', at('target'), '--yes', '--json', ...data])).stdout)
  expect(await cleanup()).toEqual([{ run: names[0], result: 'kept', why: 'too_new' }])
  // The same run, as one that began nine days ago: its id and its objects say so.
  const oldRun = names[0].replace(/\/[0-9a-f]{8}-[0-9a-f]{4}/, '/01900000-0000')
  mkdirSync(at('target', oldRun))
  const before = new Date(Date.now() - 9 * 24 * 60 * 60_000)
  const marker = JSON.parse(readFileSync(at('target', names[0], 'run.json'), 'utf8')) as Record<string, unknown>
  const oldMarker = { ...marker, run_id: oldRun.split('/')[1], started_at: before.getTime() }
  writeFileSync(at('target', oldRun, 'run.json'), JSON.stringify(oldMarker))
  writeFileSync(at('target', oldRun, 'payload.part000001'), 'half')
  expect((await cleanup()).filter(({ run }) => run === oldRun)).toEqual([{ run: oldRun, result: 'kept', why: 'too_new' }])
  for (const name of ['run.json', 'payload.part000001']) utimesSync(at('target', oldRun, name), before, before)
  const { stdout } = await bastion(['cleanup', at('target'), '--yes', ...data])
  expect(stdout).toContain(`${oldRun} is removed`)
  expect(readdirSync(at('target', 'docs')).toSorted()).toEqual(names.map((name) => name.slice('docs/'.length)).toSorted())
  expect(await bastion(['cleanup', at('target'), '--older-than', '0', ...data], { codes: [2] })).toMatchObject({ code: 2 })
})

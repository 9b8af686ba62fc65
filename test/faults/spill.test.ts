import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { targetIdentityKey } from '../../src/core/artifact.ts'
import { errorCodeOf, runBastion, startBastion } from '../support/bastion-process.ts'
import { readableWord, writeSpillCorpus } from '../support/kill-corpus.ts'
import { filesBelow, openSpills, waitFor } from '../support/look-at-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'

const skipReason = await whyNoTmpfs()

describe('an entries index that outgrew its memory limit', () => {
  let folder: AsyncDisposable & { readonly path: string }
  let sources: AsyncDisposable | undefined
  const at = (...names: string[]) => path.join(folder.path, ...names)

  beforeAll(async () => {
    folder = await temporaryFolder()
    if (skipReason !== undefined) return
    sources = await mountTmpfs(at('sources'), 2 ** 29)
    writeSpillCorpus(at('sources', 'tree'))
  })
  afterAll(async () => {
    await sources?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  function backup(dataDirectory: string): string[] {
    const target = at('sources', 'target')
    return ['backup', at('sources', 'tree'), '--to', target, '--job-id', 'spill', '--snapshot', 'off', '--data-dir', dataDirectory, '--json']
  }

  test('lies in a file without a name in which nothing can be read, and is gone when the program is killed', async ({ skip }) => {
    skip(skipReason !== undefined, skipReason)
    const data = at('data')
    const running = startBastion(backup(data))
    const spills = await waitFor(async () => {
      const found = await openSpills(running.pid)
      return found.some(({ bytes }) => bytes.length > 2 ** 20) ? found : undefined
    }, running.ended)
    running.signal('SIGKILL')
    expect((await running.ended).signal).toBe('SIGKILL')
    expect(spills.map(({ deleted }) => deleted)).toEqual([true])
    expect(spills[0]!.bytes.includes(readableWord)).toBe(false)
    expect(spills[0]!.name.startsWith(`${data}/runs/`)).toBe(true)
    expect(await filesBelow(data)).toEqual([])
  })

  test('and finds no room in the run directory ends the backup, which says so and takes its run back', async ({ skip }) => {
    skip(skipReason !== undefined, skipReason)
    await using disk = await mountTmpfs(at('small-disk'), 2 ** 20)
    const before = await filesBelow(at('sources', 'target'))
    const end = await runBastion(backup(disk.path))
    expect(end.code).toBe(1)
    expect(errorCodeOf(end)).toBe('internal')
    expect(end.stderr).toContain(`the run directory ${disk.path}/runs/`)
    expect(end.stderr).toContain('no space left')
    expect(end.stderr).not.toContain('please report it')
    // What the run that was killed has left, if it ran.
    const left = (await filesBelow(at('sources', 'target'))).filter((file) => path.basename(file) !== targetIdentityKey)
    expect(left).toEqual(before.filter((file) => path.basename(file) !== targetIdentityKey))
    expect(await filesBelow(disk.path)).toEqual([])
  })
})

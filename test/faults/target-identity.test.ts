import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { targetIdentityKey } from '../../src/core/artifact.ts'
import { artifactOf, bastion, errorCodeOf, jsonLines, runBastion } from '../support/bastion-process.ts'
import { writeManyFiles } from '../support/sample-files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

interface Place {
  target: string
  args: string[]
}

/** What can have happened to a target that is known. */
const changes: { title: string; change(place: Place): Promise<void> }[] = [
  { title: 'has lost its identity', change: ({ target }) => rm(path.join(target, targetIdentityKey)) },
  {
    title: 'is another one',
    change: ({ target }) => writeFile(path.join(target, targetIdentityKey), '{"v":1,"target_id":"another","created_at":0}\n'),
  },
  { title: 'has an identity nobody can read', change: ({ target }) => writeFile(path.join(target, targetIdentityKey), 'not JSON') },
  { title: 'has an identity that is cut off', change: ({ target }) => writeFile(path.join(target, targetIdentityKey), '') },
  {
    title: 'is an empty folder, as a mount point is',
    async change({ target }) {
      await rm(target, { recursive: true })
      await mkdir(target)
    },
  },
  { title: 'is gone', change: ({ target }) => rename(target, `${target}-elsewhere`) },
]

describe('a target that was known and now', () => {
  test.for(changes)('$title is refused with target_identity, and nothing is written', async ({ change }) => {
    await using folder = await temporaryFolder()
    const place = prepare(folder.path)
    await bastion(place.args)
    await change(place)
    const before = await contentOf(folder.path)
    const end = await runBastion(place.args)
    expect(end.code).toBe(1)
    expect(errorCodeOf(end)).toBe('target_identity')
    expect(await contentOf(folder.path)).toEqual(before)
  })

  test('is another one is taken with --new-target, and known from then on', async () => {
    await using folder = await temporaryFolder()
    const place = prepare(folder.path)
    await bastion(place.args)
    await rename(place.target, `${place.target}-elsewhere`)
    const artifact = artifactOf(await bastion([...place.args, '--new-target']))
    await bastion(place.args)
    const listed = jsonLines((await bastion(['list', place.target, '--json'])).stdout).map(
      (line) => `${String(line['job_id'])}/${String(line['run_id'])}`,
    )
    expect(listed).toHaveLength(2)
    expect(listed).toContain(artifact)
    // The first one is another target again.
    await rm(place.target, { recursive: true })
    await rename(`${place.target}-elsewhere`, place.target)
    expect(errorCodeOf(await runBastion(place.args))).toBe('target_identity')
  })
})

function prepare(folder: string): Place {
  const source = path.join(folder, 'source')
  const target = path.join(folder, 'target')
  writeManyFiles(source, { count: 3, perDirectory: 3, sizeBytes: () => 100 })
  const args = ['backup', source, '--to', target, '--job-id', 'identity', '--snapshot', 'off', '--data-dir', path.join(folder, 'data'), '--json']
  return { target, args }
}

/** Every file below a folder with its bytes, every directory. */
async function contentOf(folder: string): Promise<Map<string, string>> {
  const content = new Map<string, string>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const name = path.join(entry.parentPath, entry.name)
    content.set(name, entry.isDirectory() ? 'directory' : await readFile(name, 'latin1'))
  }
  return content
}

import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines } from '../support/bastion-process.ts'
import { type CliFolder, cliFolder, jsonOf } from '../support/cli-folder.ts'

let folder: CliFolder
let before = ''
let after = ''
let source = ''
beforeAll(async () => {
  folder = await cliFolder()
  source = folder.at('src').slice(1)
  folder
    .tree('src')
    .file('a/one.txt', 'one')
    .file('a/deep/two.log', 'two')
    .file('a-b', 'between a and a/')
    .file('first-name', 'linked')
    .link('second-name', 'first-name')
    .symlink('points', 'a/one.txt')
    .file('gone.txt', 'gone')
    .finish()
  before = await folder.backup(['src'])
  rmSync(folder.at('src', 'gone.txt'))
  rmSync(folder.at('src', 'a', 'one.txt'))
  folder.tree('src').file('a/one.txt', 'other').file('new.txt', 'new').finish()
  after = await folder.backup(['src'])
})
afterAll(() => folder[Symbol.asyncDispose]())

const paths = async (args: readonly string[]) =>
  jsonLines((await folder.ok([...args, '--json'])).stdout).map((entry) => String(entry['path']).slice(source.length + 1))

describe('ls', () => {
  test('shows what is directly in a directory, in byte order', async () => {
    expect(await paths(['ls', before, `/${source}`])).toEqual(['a', 'a-b', 'first-name', 'gone.txt', 'points', 'second-name'])
    expect(await paths(['ls', before, `${source}/a/`])).toEqual(['a/deep', 'a/one.txt'])
  })

  test('shows the directories that lead to the source, though they are not in the artifact', async () => {
    const entries = jsonLines((await folder.ok(['ls', before, '--json'])).stdout)
    expect(entries).toEqual([expect.objectContaining({ path: source.split('/')[0], kind: 'dir', implicit: true })])
  })

  test('shows everything below when asked', async () => {
    const below = await paths(['ls', '-r', before, source])
    expect(below).toEqual(['a', 'a-b', 'a/deep', 'a/deep/two.log', 'a/one.txt', 'first-name', 'gone.txt', 'points', 'second-name'])
  })

  test('has of each entry what the index has', async () => {
    const [file] = jsonLines((await folder.ok(['ls', before, `${source}/a/one.txt`, '--json'])).stdout)
    expect(file).toMatchObject({ kind: 'file', size: 3, mode: 0o100644, mtime_ns: '1709210096789012345', grade: 'stable' })
    expect(Object.keys(file!).toSorted()).toEqual(['at', 'gid', 'grade', 'group', 'hash', 'kind', 'mode', 'mtime_ns', 'path', 'size', 'uid', 'user'])
    const [link] = jsonLines((await folder.ok(['ls', before, `${source}/second-name`, '--json'])).stdout)
    expect(link).toMatchObject({ kind: 'hardlink', target: `${source}/first-name` })
  })

  test('shows people a line as ls -l does', async () => {
    const { stdout } = await folder.ok(['ls', before, source])
    expect(stdout).toMatch(new RegExp(`^-rw-r--r-- \\S+ +6 2024-02-29 12:34:56 /${source}/first-name$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^l.* /${source}/points -> a/one.txt$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^d.* /${source}/a$`, 'm'))
  })

  test('fails where nothing is', async () => {
    const { code, stderr } = await folder.run(['ls', before, 'absent'])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('holds nothing below /absent') as unknown })
  })
})

describe('cat', () => {
  test('writes the bytes of one file and nothing else', async () => {
    expect((await folder.ok(['cat', before, `/${source}/a/one.txt`])).stdout).toBe('one')
    expect((await folder.ok(['cat', after, `${source}/a/one.txt`])).stdout).toBe('other')
  })

  test('follows a hard link to its content, but no symbolic link', async () => {
    expect((await folder.ok(['cat', before, `${source}/second-name`])).stdout).toBe('linked')
    const { code, stderr } = await folder.run(['cat', before, `${source}/points`])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('is a symlink, not a file') as unknown })
  })
})

describe('find', () => {
  test('looks into all artifacts of a target', async () => {
    const { stdout } = await folder.ok(['find', 'backups', '*.txt', '--json'])
    const found = jsonLines(stdout).map(({ artifact, path }) => [`backups/${String(artifact)}`, String(path).slice(source.length + 1)])
    expect(found).toEqual([
      [before, 'a/one.txt'],
      [before, 'gone.txt'],
      [after, 'a/one.txt'],
      [after, 'new.txt'],
    ])
  })

  test('takes a pattern with a slash in front as the whole path', async () => {
    const { stdout } = await folder.ok(['find', 'backups', `/${source}/a/**/*.log`])
    expect(stdout.match(/two\.log$/gm)).toHaveLength(2)
  })

  test('finding nothing is no failure', async () => {
    expect(await folder.run(['find', 'backups', 'nowhere'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })
})

describe('history', () => {
  const signs = async (name: string) =>
    (await folder.ok(['history', 'backups', `/${source}/${name}`])).stdout.split('\n').map((line) => [line[0], line.includes(' B, written ')])

  test('tells for each artifact whether a file came, changed, stayed or went', async () => {
    expect(await signs('a/one.txt')).toEqual([
      ['+', true],
      ['~', true],
      [undefined, false],
    ])
    expect(await signs('a/deep/two.log')).toEqual([
      ['+', true],
      ['=', true],
      [undefined, false],
    ])
    expect(await signs('gone.txt')).toEqual([
      ['+', true],
      ['-', false],
      [undefined, false],
    ])
    expect(await signs('second-name')).toEqual(await signs('first-name'))
  })

  test('has what the index has for programs', async () => {
    const { stdout } = await folder.ok(['history', 'backups', `${source}/new.txt`, '--json'])
    expect(jsonLines(stdout)).toEqual([
      { artifact: before.slice('backups/'.length), completed_at: expect.any(Number), state: 'absent' },
      {
        artifact: after.slice('backups/'.length),
        completed_at: expect.any(Number),
        state: 'file',
        size: 3,
        mtime_ns: expect.stringMatching(/^\d+$/),
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        grade: 'stable',
      },
    ])
  })

  test('of what no artifact holds is a failure', async () => {
    expect(await folder.run(['history', 'backups', '/nowhere'])).toMatchObject({ code: 1, stderr: expect.stringContaining('no artifact holds') })
  })
})

describe('diff', () => {
  test('tells what was added, removed and changed, and in what', async () => {
    const { stdout } = await folder.ok(['diff', before, after])
    expect(stdout.split('\n')).toEqual([`~ /${source}/a/one.txt (content)`, `- /${source}/gone.txt`, `+ /${source}/new.txt`, ''])
  })

  test('has both entries of a change for programs', async () => {
    const [changed] = jsonLines((await folder.ok(['diff', before, after, '--json'])).stdout)
    expect(changed).toMatchObject({ kind: 'changed', what: ['content'], before: { size: 3 }, entry: { size: 5 } })
  })

  test('of an artifact with itself is empty', async () => {
    expect((await folder.ok(['diff', after, 'backups@latest'])).stdout).toBe('')
  })
})

describe('verify', () => {
  test.each(['chain', 'sample', 'full'])('finds a whole artifact whole: %s', async (level) => {
    const report = jsonOf(await folder.ok(['verify', after, '--level', level, '--sample', '100', '--json']))
    expect(report).toMatchObject({ level, ok: true, objects: { expected: 2, checked: 2 }, damaged: { total: 0, sample: [] } })
    expect(report['entries']).toEqual(level === 'chain' ? { expected: 0, checked: 0, bytes: 0 } : { expected: 10, checked: 10, bytes: 33 })
  })

  test('tells people in a line', async () => {
    expect((await folder.ok(['verify', after])).stderr).toBe('ok: 2 of 2 objects, 10 of 10 entries, 33 B checked\n')
  })
})

describe('backup', () => {
  test('writes every event and then the result as JSON lines', async () => {
    const { stdout, stderr } = await folder.ok(['backup', 'src', '--to', 'events', '--job-id', 'docs', '--json'])
    const lines = jsonLines(stdout)
    expect(stderr).toBe('')
    expect(lines.map(({ kind }) => kind)).toEqual([
      'started',
      'planning',
      'snapshot_unavailable',
      'packaging',
      'part_stored',
      'coverage',
      'complete',
      'result',
    ])
    for (const event of lines.slice(0, -1)) expect(Object.keys(event)).toEqual(['ts', 'level', 'kind', 'message', 'fields'])
    expect(lines.at(-1)).toMatchObject({
      artifact: expect.stringMatching(/^docs\/[0-9a-f-]{36}$/) as unknown,
      status: 'success',
      grade: 'stable',
      totals: { files: 5, dirs: 3, links: 2, others: 0 },
      issues: { total: 0, sample: [] },
    })
  })

  test('prints the name of the artifact, and only that, for a script to use', async () => {
    const { stdout } = await folder.ok(['backup', 'src', '--to', 'plain/', '--job-id', 'docs'])
    expect(stdout).toMatch(/^plain\/docs\/[0-9a-f-]{36}\n$/)
    expect((await folder.ok(['verify', stdout.trim()])).code).toBe(0)
  })

  test('takes and leaves what its patterns say', async () => {
    const artifact = await folder.backup(['src'], {
      target: 'some',
      args: ['--exclude', '*.log', '--exclude', 'a-b', '--include', 'a', '--include', '*name'],
    })
    const entries = await paths(['ls', '-r', artifact, source])
    expect(entries).toEqual(['a', 'a/deep', 'a/one.txt', 'first-name', 'second-name'])
  })

  test('leaves the target out of a source that contains it', async () => {
    const artifact = await folder.backup(['.'], { target: 'inside' })
    const coverage = jsonLines((await folder.ok(['list', 'inside', '--json'])).stdout)[0]!['manifest'] as {
      coverage: { path: string; read: string }[]
    }
    expect(coverage.coverage.filter(({ read }) => read === 'own').map((item) => item.path)).toEqual([folder.at('data'), folder.at('inside')])
    expect((await folder.run(['ls', artifact, folder.at('inside')])).code).toBe(1)
  })
})

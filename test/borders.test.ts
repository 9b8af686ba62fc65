import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Each guard of dependency-cruiser with an import it must refuse: [rule, file, import in it]. */
const forbidden: readonly (readonly [rule: string, file: string, imported: string])[] = [
  ['layer-engine', 'src/engine/planted.ts', '../cli/thing.ts'],
  ['layer-core', 'src/core/planted.ts', '../protocol/thing.ts'],
  ['layer-protocol', 'src/protocol/planted.ts', '../lib/thing.ts'],
  ['layer-lib', 'src/lib/planted.ts', '../core/thing.ts'],
  ['layer-client', 'src/client/planted.ts', '../lib/thing.ts'],
  ['layer-executor', 'src/executor/planted.ts', '../hub/thing.ts'],
  ['layer-agent', 'src/agent/planted.ts', '../engine/thing.ts'],
  ['layer-hub', 'src/hub/planted.ts', '../executor/thing.ts'],
  ['layer-cli', 'src/cli/planted.ts', '../../web/src/thing.ts'],
  ['layer-web', 'web/src/planted.ts', '../../src/lib/thing.ts'],
  ['world-core', 'src/core/planted-world.ts', 'node:fs'],
  ['world-protocol', 'src/protocol/planted-world.ts', 'node:net'],
  ['world-client', 'src/client/planted-world.ts', 'node:http'],
  ['world-web', 'web/src/planted-world.ts', 'node:path'],
  ['driver-alone', 'src/engine/targets/memory/planted.ts', '../local-dir/thing.ts'],
  ['driver-alone', 'src/engine/sources/sqlite/planted.ts', '../filesystem/thing.ts'],
  ['driver-alone', 'src/engine/snapshots/btrfs/planted.ts', '../../targets/memory/thing.ts'],
  ['driver-alone', 'src/hub/notify/email/planted.ts', '../webhook/thing.ts'],
  ['database-in-store', 'src/hub/dispatch/planted.ts', 'node:sqlite'],
  ['program-without-tests', 'src/engine/planted-test.ts', '../../test/support/thing.ts'],
  ['program-without-tests', 'src/cli/planted-bench.ts', '../../bench/thing.ts'],
  ['program-without-tools', 'src/lib/planted-tool.ts', 'fast-check'],
  ['resolvable', 'src/lib/planted-package.ts', 'acorn'],
  ['resolvable', 'src/lib/planted-nowhere.ts', './nowhere.ts'],
]

/** What the same rules must let through. */
const allowed: readonly (readonly [file: string, imported: string])[] = [
  ['src/engine/allowed.ts', '../core/thing.ts'],
  ['src/engine/allowed-lib.ts', '../lib/thing.ts'],
  ['src/engine/targets/allowed-registry.ts', './memory/thing.ts'],
  ['src/engine/targets/memory/allowed.ts', './thing.ts'],
  ['src/hub/store/allowed.ts', 'node:sqlite'],
  ['src/engine/sources/sqlite/allowed.ts', 'node:sqlite'],
  ['src/core/allowed.ts', 'zod'],
  ['src/cli/allowed.ts', '../hub/thing.ts'],
  ['web/src/allowed.ts', '../../src/client/thing.ts'],
  ['test/allowed.ts', '../src/lib/thing.ts'],
]

let house = ''

beforeAll(async () => {
  house = await mkdtemp(path.join(tmpdir(), 'bastion-borders-'))
  await copyRules()
  for (const [file, imported] of [...forbidden.map(([, ...planted]) => planted), ...allowed]) await plant(file, imported)
  await write('src/lib/round-a.ts', "import type { B } from './round-b.ts'\nexport type A = B | 1\n")
  await write('src/lib/round-b.ts', "import type { A } from './round-a.ts'\nexport type B = A[]\n")
})

afterAll(() => rm(house, { recursive: true, force: true }))

describe('dependency-cruiser refuses', () => {
  let violations: readonly Violation[] = []
  beforeAll(async () => {
    violations = await cruise()
  })

  test.each(forbidden)('%s: %s importing %s', (rule, file) => {
    expect(rulesBrokenBy(violations, file)).toContain(rule)
  })

  test('no-cycle: two files that import each other, if only for types', () => {
    expect(rulesBrokenBy(violations, 'src/lib/round-a.ts')).toEqual(['no-cycle'])
  })

  test('nothing that the table allows', () => {
    expect(violations.filter(({ from }) => from.includes('allowed') || from.endsWith('thing.ts'))).toEqual([])
  })

  test('with a reason beside every rule, and every rule has a planted import', async () => {
    const rules = path.join(root, '.dependency-cruiser.mjs') // a variable: the compiler has no types of it, nor needs any
    const config = (await import(rules)) as { default: { forbidden: { name: string; comment: string }[] } }
    expect(config.default.forbidden.filter(({ comment }) => comment.length < 40)).toEqual([])
    expect(config.default.forbidden.map(({ name }) => name).toSorted()).toEqual(
      [...new Set([...forbidden.map(([rule]) => rule), 'no-cycle'])].toSorted(),
    )
  })
})

describe('the compiler refuses', () => {
  test.each([
    ['core', 'src/core/planted-world.ts', 'TS2591'],
    ['protocol', 'src/protocol/planted-world.ts', 'TS2591'],
    ['engine', 'src/engine/planted.ts', 'TS6307'],
    ['lib', 'src/lib/planted.ts', 'TS6307'],
  ])('an import that leaves the project of %s: %s', async (layer, file, code) => {
    const { output } = await runTool('tsc', ['-p', `src/${layer}`, '--pretty', 'false'])
    expect(output.split('\n').filter((line) => line.startsWith(file) && line.includes(code))).not.toEqual([])
  })
})

interface Violation {
  rule: { name: string }
  from: string
}

function rulesBrokenBy(violations: readonly Violation[], file: string): string[] {
  return violations.filter(({ from }) => from === file).map(({ rule }) => rule.name)
}

/** The real rules, around code that is only planted. */
async function copyRules(): Promise<void> {
  const files = ['.dependency-cruiser.mjs', 'package.json', 'tsconfig.json', 'tsconfig.base.json']
  for (const file of files) await cp(path.join(root, file), path.join(house, file))
  for (const layer of await readdir(path.join(root, 'src'))) {
    await cp(path.join(root, 'src', layer, 'tsconfig.json'), path.join(house, 'src', layer, 'tsconfig.json'))
  }
  await symlink(path.join(root, 'node_modules'), path.join(house, 'node_modules'))
}

/** A file with one import; a relative one leads to a file that is there, `nowhere.ts` excepted. */
async function plant(file: string, imported: string): Promise<void> {
  await write(file, `export * as planted from '${imported}'\n`)
  if (imported.endsWith('/thing.ts')) await write(path.join(path.dirname(file), imported), 'export const thing = 1\n')
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(house, file)), { recursive: true })
  await writeFile(path.join(house, file), text)
}

async function cruise(): Promise<readonly Violation[]> {
  const { output } = await runTool('depcruise', ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'src', 'web', 'test'])
  return (JSON.parse(output) as { summary: { violations: Violation[] } }).summary.violations
}

/** What a tool prints, whatever its exit code: finding something is a failure to it. */
function runTool(name: string, args: readonly string[]): Promise<{ output: string }> {
  return new Promise((resolve) => {
    execFile(path.join(root, 'node_modules', '.bin', name), args, { cwd: house, maxBuffer: 64 * 2 ** 20 }, (_, stdout, stderr) => {
      resolve({ output: stdout || stderr })
    })
  })
}

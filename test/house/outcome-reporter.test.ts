import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const files = {
  'package.json': '{"type":"module"}',
  'vitest.config.ts': `
    import { OutcomeReporter } from '${path.join(root, 'test/support/outcome-reporter.ts')}'
    export default { test: { reporters: [new OutcomeReporter()], maxWorkers: 1 } }`,
  'some.test.ts': `
    import { expect, test } from 'vitest'
    test('holds', () => {})
    test('does not hold', () => { expect(1).toBe(2) })
    test('cannot run', (context) => { context.skip('no zstd') })
    test.skip('is off', () => {})`,
  'broken.test.ts': `throw new Error('does not load')`,
}

test('what is counted is every test, with the reason of a skipped one, and every file that does not load', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastion-outcome-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text)
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    const env = { ...process.env, BASTION_TEST_OUTCOME: path.join(folder, 'outcome.json') }
    expect(spawnSync(path.join(root, 'node_modules/.bin/vitest'), ['run'], { cwd: folder, env }).status).toBe(1)
    expect(JSON.parse(await readFile(env.BASTION_TEST_OUTCOME, 'utf8'))).toEqual({
      passed: 1,
      failed: 2,
      skipped: [
        { test: 'some.test.ts > cannot run', reason: 'no zstd' },
        { test: 'some.test.ts > is off', reason: undefined },
      ],
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

import path from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { OutcomeReporter } from './test/support/outcome-reporter.ts'
import { seed } from './test/support/seed.ts'

// The test files run in processes of their own, which must all have the same one.
process.env['BASTION_SEED'] = String(seed)
// Worker threads begin anew with each backup: half of the time of many tests went into taking the types out of the same modules again.
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, '.cache', 'compiled-tests')
process.stderr.write(`seed ${seed}: to have this run again, BASTION_SEED=${seed} npm test\n`)

/** What takes over a minute; whoever begins with it is not waited for at the end. The others come by the size of their files. */
const longest = [
  'test/proof/proofs',
  'test/engine/every-way',
  'test/hub/operations/restore-every-way',
  'test/web/every-page',
  'test/engine/hostile-restore',
  'test/engine/targets/targets-contract',
  'test/engine/remove-artifact',
  'test/engine/restore-to-target',
  'test/engine/backup-restore',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const first = longest.flatMap((name) => sorted.filter(({ moduleId }) => moduleId.endsWith(`/${name}.test.ts`)))
    return [...first, ...sorted.filter((file) => !first.includes(file))]
  }
}

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    // Processes, not threads: tests change their folder, umask and user, and load native code.
    pool: 'forks',
    // More than the cores of a small machine: many tests wait for what is not theirs to hurry.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/each-file.ts'],
    reporters: ['default', new OutcomeReporter()],
  },
})

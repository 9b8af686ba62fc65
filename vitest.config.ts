import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { OutcomeReporter } from './test/support/outcome-reporter.ts'
import { seed } from './test/support/seed.ts'

// The test files run in processes of their own, which must all have the same one.
process.env['BASTION_SEED'] = String(seed)
process.stderr.write(`seed ${seed}: to have this run again, BASTION_SEED=${seed} npm test\n`)

/** The proofs are one file and take minutes: whoever begins with them is not waited for at the end. */
class ProofsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isProof = ({ moduleId }: TestSpecification) => moduleId.includes('/test/proof/')
    return [...sorted.filter(isProof), ...sorted.filter((file) => !isProof(file))]
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
    sequence: { sequencer: ProofsFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/each-file.ts'],
    reporters: ['default', new OutcomeReporter()],
  },
})

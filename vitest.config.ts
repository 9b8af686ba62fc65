import { defineConfig } from 'vitest/config'
import { OutcomeReporter } from './test/support/outcome-reporter.ts'
import { seed } from './test/support/seed.ts'

// The test files run in processes of their own, which must all have the same one.
process.env['BASTION_SEED'] = String(seed)
process.stderr.write(`seed ${seed}: to have this run again, BASTION_SEED=${seed} npm test\n`)

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    // Processes, not threads: tests change their folder, umask and user, and load native code.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/each-file.ts'],
    reporters: ['default', new OutcomeReporter()],
  },
})

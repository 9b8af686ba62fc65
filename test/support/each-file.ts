import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { seed } from './seed.ts'

// Runs in each test file before its tests: every property starts from the seed the run printed.
fc.configureGlobal({ seed })

// Pages in a browser wait for conditions; on a machine that is busy that takes as long as it takes.
if (expect.getState().testPath?.includes('/test/web/') === true) vi.setConfig({ testTimeout: 400_000 })

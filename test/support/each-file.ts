import { setFlagsFromString } from 'node:v8'
import fc from 'fast-check'
import { expect, vi } from 'vitest'
import { seed } from './seed.ts'

// Runs in each test file before its tests: every property starts from the seed the run printed.
fc.configureGlobal({ seed })

// Threads that are started from TypeScript have Node take the types out, by WebAssembly. V8 replaces its calls by faster ones after a thousand, for all threads at once, and ends the process now and then when
// some of them do so together (V8 13.6: a check fails in UnregisterWasmAllocation, below TierUpWasmToJSWrapper). The program as it is built has no types to take out.
setFlagsFromString('--wasm-wrapper-tiering-budget=1000000000')

// Pages in a browser wait for conditions; on a machine that is busy that takes as long as it takes.
if (expect.getState().testPath?.includes('/test/web/') === true) vi.setConfig({ testTimeout: 400_000 })

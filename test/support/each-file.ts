import fc from 'fast-check'
import { seed } from './seed.ts'

// Runs in each test file before its tests: every property starts from the seed the run printed.
fc.configureGlobal({ seed })
